"""`awx/vars`: what the collections that take it know, what AWX makes of it, and that it names what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.okestack.oci.plugins.action.role_options import every_option
from ansible_collections.okestack.oci.plugins.module_utils import role_options

from tests import controller

ROOT = Path(__file__).parents[3]
KNOWN = json.loads((Path(__file__).parent / "arguments.json").read_text())["variables"]
DATA = controller.data()
TYPES: dict[str, Any] = {"str": str, "int": int, "bool": bool, "dict": dict, "list": list}
PLAYBOOKS = {"site.yml", *(f"playbooks/{path.name}" for path in ROOT.glob("playbooks/*.yml") if path.stem != "site")}
NAMED = {name: [one["name"] for one in DATA[name]] for name in KNOWN if name.startswith("controller_")}
JOBS = {one["name"]: one for one in DATA["controller_templates"]}
QUESTIONS = {
    (name, question["variable"]): question
    for one in (*DATA["controller_templates"], *DATA["controller_workflows"])
    for name, question in ((one["name"], question) for question in one["survey_spec"]["spec"])
}
QUESTION_KEYS = {
    "question_name", "question_description", "variable", "type", "required", "default", "min", "max", "choices"
}  # fmt: skip


def wrong(variable: str, item: dict[str, Any]) -> list[str]:
    """What the collections would not take of an item."""
    known, found = KNOWN[variable], []
    for key, value in item.items():
        if key not in known["keys"]:
            found.append(f"{item.get('name')}.{key}: {variable} knows no such key")
        elif key in known["arguments"]:
            kind, _, choices = known["arguments"][key].rstrip("!").partition(" ")
            base, _, elements = kind.rstrip("]").partition("[")
            values = value if elements and isinstance(value, list) else []
            if not isinstance(value, TYPES[base]) or not all(isinstance(v, TYPES[elements]) for v in values):
                found.append(f"{item.get('name')}.{key}: {value!r} is not a {kind}")
            if choices and str(value) not in choices.split("|"):
                found.append(f"{item.get('name')}.{key}: {value!r} is not one of {choices}")
    return found


@pytest.mark.parametrize("variable", NAMED)
def test_the_collections_know_all_that_is_said(variable: str) -> None:
    assert DATA[variable], "nothing is declared"
    assert [line for item in DATA[variable] for line in wrong(variable, item)] == []
    assert len(set(NAMED[variable])) == len(NAMED[variable])


def test_they_know_the_nodes_of_workflows() -> None:
    for workflow in DATA["controller_workflows"]:
        nodes = workflow["simplified_workflow_nodes"]
        assert [line for node in nodes for line in wrong("simplified_workflow_nodes", node)] == []


def test_what_is_no_argument_is_told() -> None:
    assert wrong("controller_templates", {"name": "a", "survey": True, "colour": "red"}) == [
        "a.colour: controller_templates knows no such key"
    ]
    found = wrong("controller_templates", {"name": "a", "timeout": "9", "labels": [1], "job_type": "walk"})
    assert len(found) == 3, found


def test_each_kind_has_its_role_and_comes_after_what_it_names() -> None:
    kinds = {
        "templates": "job_templates",
        "workflows": "workflow_job_templates",
        "notifications": "notification_templates",
    }
    (play,) = yaml.safe_load((ROOT / "awx/configure.yml").read_text())
    played = [one["role"].removeprefix("infra.aap_configuration.controller_") for one in play["roles"]]
    declared = {name.removeprefix("controller_") for name in NAMED}
    assert sorted(played) == sorted(kinds.get(name, name) for name in declared)
    names = {
        "credentials": ["credential_types"],
        "projects": ["execution_environments"],
        "inventory_sources": ["inventories", "projects", "credentials"],
        "job_templates": ["projects", "inventories", "credentials", "notification_templates", "labels"],
        "workflow_job_templates": ["job_templates", "notification_templates", "labels"],
        "schedules": ["job_templates"],
    }
    for later, earlier in names.items():
        assert max(map(played.index, earlier)) < played.index(later), later


def test_everything_named_is_declared() -> None:
    assert set(DATA["awx_signers"]) == {"api_key", "session_token", "instance_principal"}
    kinds = NAMED["controller_credential_types"]
    assert {one["type"] for one in DATA["awx_signers"].values()} <= set(kinds)
    assert {one["credential_type"] for one in DATA["controller_credentials"]} <= set(kinds)
    for job in JOBS.values():
        assert job["project"] in NAMED["controller_projects"]
        assert job["inventory"] in NAMED["controller_inventories"]
        assert job["execution_environment"] in NAMED["controller_execution_environments"]
        assert set(job["credentials"]) <= set(NAMED["controller_credentials"])
        assert set(job["labels"]) <= set(NAMED["controller_labels"])
        assert set(job["notification_templates_error"]) <= set(NAMED["controller_notifications"])
        assert job["allow_simultaneous"] is False
    for source in DATA["controller_inventory_sources"]:
        assert source["inventory"] in NAMED["controller_inventories"]
        assert (ROOT / source["source_path"]).is_file(), source["source_path"]
        assert source.get("credential") in (None, *NAMED["controller_credentials"])
    for schedule in DATA["controller_schedules"]:
        controller.answers(JOBS[schedule["unified_job_template"]]["survey_spec"], schedule["extra_data"])


def test_every_playbook_has_a_template() -> None:
    assert {job["playbook"] for job in JOBS.values()} == PLAYBOOKS


def test_a_change_is_looked_at_planned_approved_made_and_verified() -> None:
    (workflow,) = DATA["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    order, name = [], "preflight"
    while name:
        order.append(nodes[name].get("unified_job_template", name).rpartition(" ")[2])
        name = "".join(nodes[name].get("success_nodes", []))
    assert order == ["preflight", "plan", "approval", "site", "verify"]
    assert nodes["approval"]["approval_node"]["timeout"] == 86400
    assert (
        workflow["survey_spec"]
        == JOBS["okestack prod plan"]["survey_spec"]
        == JOBS["okestack prod site"]["survey_spec"]
    )
    plan = JOBS["okestack prod plan"]
    assert (plan["job_type"], plan["diff_mode"]) == ("check", True)


def test_awx_offers_the_playbooks_and_the_inventories_and_no_other_file_of_theirs() -> None:
    files = controller.sources()
    offered = {name for name in controller.offered_playbooks(files) if not name.startswith("extensions/molecule/")}
    assert offered == PLAYBOOKS | {"playbooks/site.yml", "awx/configure.yml"}
    inventories = {f"inventories/{name}/hosts" for name in ("local", "dev", "staging", "prod")}
    assert {n for n in controller.offered_inventories(files) if n.startswith("inventories/")} == inventories


def test_a_project_update_fetches_nothing_from_galaxy() -> None:
    asked = {"requirements.yml", "collections/requirements.yml", "roles/requirements.yml"}
    assert asked & set(controller.sources()) == set()


@pytest.mark.parametrize(("job", "variable"), QUESTIONS)
def test_a_question_is_one_that_awx_asks_and_its_answers_mean_something(job: str, variable: str) -> None:
    question = QUESTIONS[job, variable]
    assert set(question) <= QUESTION_KEYS and question["question_description"]
    option = every_option()[variable]
    kinds = {"str": "text", "path": "text", "int": "integer", "dict": "textarea", "bool": "multiplechoice"}
    if option["type"] == "list":
        kind = "multiselect" if "choices" in question else "text" if option.get("commas") else "textarea"
    else:
        kind = kinds[option["type"]]
    assert question["type"] == kind
    if kind == "multiplechoice":
        assert question["choices"] == ["true", "false"]
    if question["required"]:
        assert controller.refusal(question, ""), "an empty answer is refused by AWX itself"


def examples(variable: str, question: dict[str, Any], option: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Answers, with what each means to a task."""
    if question["type"] == "integer":
        return [(question[bound], question[bound]) for bound in ("min", "max")]
    if question["type"] == "multiselect":
        return [(question["choices"], question["choices"]), (question["choices"][:1], question["choices"][:1])]
    if question["type"] == "multiplechoice":
        return [(one, one) for one in question["choices"]]
    if question["type"] == "textarea":
        given = re.search(r"[\[{].*[\]}]", question["question_description"])
        assert given, "the question shows no example"
        return [(given[0], json.loads(given[0])), (f"\n{given[0]}\n", json.loads(given[0]))]
    texts = {
        "app_ingress_image": "fra.ocir.io/shopspace/shop:1.2.0", "app_ingress_host": "shop.example",
        "oke_virtual_pool_kubernetes_version": "v1.36.1", "okestack_deployment": "shop", "destroy_confirm": "shop",
    }  # fmt: skip
    return [(text, text) for text in [texts.get(variable, "a")]]


@pytest.mark.parametrize("variable", sorted({name for _, name in QUESTIONS}))
def test_an_answer_reaches_a_task_as_what_it_means(variable: str) -> None:
    question = next(one for (_, name), one in QUESTIONS.items() if name == variable)
    option = every_option()[variable]
    for answer, meant in examples(variable, question, option):
        assert controller.refusal(question, answer) is None
        read = role_options.answered({variable: answer}, every_option(), lambda text: DataLoader().load(text))
        assert read == {variable: meant}
        if not variable.endswith(("_ids", "_secrets")):
            assert list(role_options.wrong(variable, option, meant)) == []
    if question["type"] in ("text", "textarea"):
        assert role_options.answered({variable: ""}, every_option(), yaml.safe_load) == {}


# --- credentials -----------------------------------------------------------------------------------------------------

KINDS = {one["name"]: one for one in DATA["controller_credential_types"]}
INPUTS = {
    "tenancy": "ocid1.tenancy.oc1..a", "user": "ocid1.user.oc1..b", "fingerprint": "aa:bb", "region": "eu-frankfurt-1",
    "key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\nOCI_API_KEY\n", "token": "to.k.en",
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_credential_is_written_as_its_readers_want_it(name: str) -> None:
    kind = KINDS[name]
    fields = {one["id"]: one for one in kind["inputs"]["fields"]}
    assert set(kind["inputs"]["required"]) == set(fields)
    assert all(one.get("secret") for id_, one in fields.items() if id_ in ("key", "token"))
    assert not any("format" in one for one in fields.values()), "AWX would refuse keys as Oracle's console writes them"
    made = controller.inject(kind, {id_: INPUTS[id_] for id_ in fields}, "/runner/env/tmp_")
    config = next((path for path in made.files if path.endswith("config")), None)
    assert made.env.get("OCI_CONFIG_FILE") == made.extra_vars.get("okestack_config_file") == config
    assert made.env.get("OCI_CLI_AUTH") == made.extra_vars.get("okestack_auth_type")
    if config:
        lines = dict(line.split("=", 1) for line in made.files[config].splitlines()[1:])
        assert lines["region"] == INPUTS["region"] and made.files[lines["key_file"]] == INPUTS["key"]
        assert "token" not in fields or made.files[lines["security_token_file"]] == INPUTS["token"]
    everything = json.dumps([made.env, made.extra_vars])
    assert "BEGIN PRIVATE" not in everything and INPUTS["token"] not in everything


def test_a_file_that_names_one_written_later_would_fail() -> None:
    kind = {
        "name": "x",
        "inputs": {},
        "injectors": {"file": {"template.cfg": "{{ tower.filename.key }}", "template.keys": ""}},
    }
    with pytest.raises(Exception, match="key"):
        controller.inject(kind, {}, "/")


@pytest.mark.parametrize("way", DATA["awx_signers"])
def test_a_credential_says_what_its_type_asks_for_and_keeps_what_was_typed(way: str) -> None:
    for one in controller.data(awx_sign_in=way)["controller_credentials"]:
        assert set(one["inputs"]) == set(KINDS[one["credential_type"]]["inputs"]["required"])
        assert one["update_secrets"] is False
        secret = {f["id"] for f in KINDS[one["credential_type"]]["inputs"]["fields"] if f.get("secret")}
        assert {one["inputs"][name] for name in secret} <= {"type it in AWX"}
