"use strict";

const el = (id) => document.getElementById(id);
const PAGE = 100;
let count = 0;
let last = 0;
let more = false;
let editing = null;

async function api(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Error("The service cannot be reached. Try again in a moment.");
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return content;
  const fields = content?.fields ? Object.entries(content.fields).map(([key, text]) => `${key} ${text}`).join(", ") : "";
  const failure = new Error(fields || content?.error || `The service answered ${answer.status}.`);
  failure.status = answer.status;
  throw failure;
}

function problem(where, failure) {
  const box = el(where);
  box.textContent = failure ? failure.message : "";
  box.hidden = !failure;
}

function counted(change) {
  count += change;
  el("status").textContent = count || !more ? `${count}${more ? "+" : ""} ${count === 1 ? "item" : "items"}` : "";
  el("empty").hidden = count > 0;
  el("more").hidden = !more;
}

function fill(row, item) {
  row.dataset.id = item.id;
  row.querySelector("h2").textContent = item.name;
  row.querySelector("p").textContent = item.description;
  row.querySelector("p").hidden = !item.description;
  const when = new Date(item.updated_at);
  const changed = item.updated_at !== item.created_at;
  row.querySelector("small").textContent = `#${item.id} · ${changed ? "changed" : "added"} ${when.toLocaleString()}`;
}

function show(item) {
  const row = el("row").content.firstElementChild.cloneNode(true);
  fill(row, item);
  row.querySelector(".edit").addEventListener("click", () => {
    editing = { id: item.id, row };
    el("edit-name").value = row.querySelector("h2").textContent;
    el("edit-description").value = row.querySelector("p").textContent;
    problem("edit-problem", null);
    el("editor").showModal();
  });
  const button = row.querySelector(".delete");
  const calm = () => { button.textContent = "Delete"; button.classList.remove("sure"); };
  button.addEventListener("blur", calm);
  button.addEventListener("click", async () => {
    if (!button.classList.contains("sure")) {
      button.textContent = "Sure?";
      button.classList.add("sure");
      return;
    }
    button.disabled = true;
    try {
      await api("DELETE", `/api/items/${item.id}`);
    } catch (failure) {
      if (failure.status !== 404) {
        problem("problem", failure);
        button.disabled = false;
        calm();
        return;
      }
    }
    problem("problem", null);
    row.remove();
    counted(-1);
  });
  el("items").append(row);
}

async function load() {
  el("more").disabled = true;
  try {
    const items = await api("GET", `/api/items?limit=${PAGE}&after=${last}`);
    items.forEach(show);
    if (items.length) last = items.at(-1).id;
    more = items.length === PAGE;
    problem("problem", null);
    counted(items.length);
  } catch (failure) {
    problem("problem", failure);
  }
  el("more").disabled = false;
}

el("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter ?? el("add").querySelector("button");
  button.disabled = true;
  try {
    const item = await api("POST", "/api/items", { name: el("name").value, description: el("description").value });
    problem("problem", null);
    el("add").reset();
    el("name").focus();
    if (!more) {
      show(item);
      last = item.id;
    }
    counted(more ? 0 : 1);
  } catch (failure) {
    problem("problem", failure);
  }
  button.disabled = false;
});

el("edit").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    fill(editing.row, await api("PUT", `/api/items/${editing.id}`, {
      name: el("edit-name").value, description: el("edit-description").value,
    }));
    el("editor").close();
  } catch (failure) {
    problem("edit-problem", failure);
  }
});

el("cancel").addEventListener("click", () => el("editor").close());
el("more").addEventListener("click", load);
load();
