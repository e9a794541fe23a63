"""The application with a real MariaDB: bootstrap, TLS, restarts, the process's life."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pymysql
import pytest
from crud import bootstrap, check
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADDRESS = "127.90.3.1"
ADMIN_PASSWORD = "Adm1n-'quoted\"%s"
EXAMPLE = Path(__file__).parents[3] / "examples" / "crud"


def free_port() -> int:
    """A port nobody listens on at the test's address."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def certificates(folder: Path) -> None:
    """A certificate authority (ca.pem) and the server's certificate (server.pem, server.key)."""
    now = datetime.datetime.now(datetime.UTC)

    def sign(
        subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, ca: bool
    ) -> bytes:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(sign("test CA", authority, "test CA", authority, True))
    (folder / "other.pem").write_bytes(sign("other CA", server, "other CA", server, True))
    (folder / "server.pem").write_bytes(sign("db.test", server, "test CA", authority, False))
    (folder / "server.key").write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@dataclass
class MariaDB:
    """A server of the test's own, stopped and started at will."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Make the data folder and the administrator (who is not root@localhost)."""
        self.folder.joinpath("init.sql").write_text(
            "CREATE USER 'admin'@'%' IDENTIFIED BY '{}';\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n".format(
                ADMIN_PASSWORD.replace("'", "''")
            )
        )
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db", "--user=root",
             "--auth-root-authentication-method=socket"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.start("--init-file=" + str(self.folder / "init.sql"))

    def start(self, *more: str) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={self.folder}/data", "--user=root", f"--bind-address={ADDRESS}",
             f"--port={self.port}", f"--socket={self.folder}/s", f"--pid-file={self.folder}/pid", "--skip-name-resolve",
             f"--ssl-cert={self.folder}/server.pem", f"--ssl-key={self.folder}/server.key",
             "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", *more],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"),
        )  # fmt: skip
        wait(self.listens, "mariadbd listens")

    def listens(self) -> bool:
        """Whether a connection is accepted. Raises OSError when not."""
        socket.create_connection((ADDRESS, self.port), 1).close()
        return True

    def stop(self) -> None:
        """Stop it in order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def admin(self, database: str | None = None) -> pymysql.connections.Connection[Any]:
        """An administrator's connection, without TLS (the server does not require it of everyone)."""
        return pymysql.connect(
            host=ADDRESS, port=self.port, user="admin", password=ADMIN_PASSWORD, database=database, autocommit=True
        )


def wait(check: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until `check()` is true and raises nothing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
            reason = "not yet"
        except (OSError, httpx.HTTPError, pymysql.MySQLError) as error:
            reason = str(error)
        assert time.monotonic() < deadline, f"{what}: {reason}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    folder = tmp_path_factory.mktemp("mariadb")
    certificates(folder)
    running = MariaDB(folder)
    running.install()
    yield running
    running.stop()


@pytest.fixture
def env(server: MariaDB) -> dict[str, str]:
    """What a bootstrap Job gets."""
    return {
        "DB_HOST": ADDRESS, "DB_PORT": str(server.port), "DB_NAME": "my_crud", "DB_CA": str(server.folder / "ca.pem"),
        "ADMIN_USER": "admin", "ADMIN_PASSWORD": ADMIN_PASSWORD, "APP_USER": "app", "APP_PASSWORD": "App-1'\"\\%s",
        "BOOTSTRAP_TIMEOUT": "5",
    }  # fmt: skip


def app_env(env: dict[str, str], folder: Path) -> dict[str, str]:
    """What the application gets, its password in a file."""
    path = folder / "password"
    path.write_text(env["APP_PASSWORD"] + "\n")
    taken = {key: value for key, value in env.items() if key in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_CA")}
    return taken | {"DB_USER": "app", "DB_PASSWORD_FILE": str(path)}


@dataclass
class App:
    """The application as a process of its own."""

    process: subprocess.Popen[str]
    client: httpx.Client


@contextlib.contextmanager
def running(env: dict[str, str], folder: Path, **more: str) -> Iterator[App]:
    port = free_port()
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(EXAMPLE), "PORT": str(port), "CRUD_DRAIN_SECONDS": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "crud"], env=path | app_env(env, folder) | more, text=True, cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            wait(lambda: client.get("/livez").status_code == 200, "the application answers")
            yield App(process, client)
        finally:
            process.terminate()
            process.communicate(timeout=20)


def test_bootstrap_then_serve(server: MariaDB, env: dict[str, str], tmp_path: Path) -> None:
    assert bootstrap.main(env) == 0
    assert bootstrap.main(env) == 0, "a second time changes nothing and is fine"
    with running(env, tmp_path) as app:
        assert app.client.get("/healthz").status_code == 200
        made = app.client.post("/api/items", json={"name": "Grüße 🍵", "description": "a\nb"}).json()
        with server.admin("my_crud") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name, description FROM items WHERE id = %s", (made["id"],))
            assert cursor.fetchone() == ("Grüße 🍵", "a\nb")
        path = f"/api/items/{made['id']}"
        changed = app.client.put(path, json={"name": "tea", "description": "c"}).json()
        assert (changed["name"], changed["created_at"]) == ("tea", made["created_at"])
        assert changed["updated_at"] > made["updated_at"]
        assert app.client.put(path, json={"name": "tea", "description": "c"}).status_code == 200
        assert [row["id"] for row in app.client.get("/api/items").json()] == [made["id"]]
        assert app.client.delete(path).status_code == 204
        assert app.client.get(path).status_code == 404
        assert app.client.delete(path).status_code == 404


def test_a_pod_says_whether_it_reaches_the_database(
    server: MariaDB, env: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(env) == 0
    own = app_env(env, tmp_path)
    capfd.readouterr()
    for change, status, said in (
        ({}, 0, f"app signs in at {ADDRESS}:{server.port} over TLSv1.3; its certificate is checked, and ends "),
        ({"DB_CA": "", "DB_TLS": "required"}, 0, "its certificate is not checked"),
        ({"DB_CA": str(server.folder / "other.pem")}, 1, "CERTIFICATE_VERIFY_FAILED"),
        ({"DB_PASSWORD_FILE": "", "DB_PASSWORD": "wrong-Secret-9"}, 1, "Access denied"),
        ({"DB_PORT": "1"}, 1, f"{ADDRESS}:1 refuses app: "),
        ({"DB_NAME": ""}, 2, "DB_NAME is not set"),
    ):
        assert check.main(own | change) == status, change
        told = capfd.readouterr().out
        assert said in told and not any(secret in told for secret in (env["APP_PASSWORD"], "wrong-Secret-9")), told


def test_the_user_is_bound_to_tls_and_its_schema(server: MariaDB, env: dict[str, str]) -> None:
    assert bootstrap.main(env) == 0
    login: dict[str, Any] = {"host": ADDRESS, "port": server.port, "user": "app", "password": env["APP_PASSWORD"]}
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(**login, ssl_disabled=True)
    with pymysql.connect(**login, ssl={"ca": env["DB_CA"], "check_hostname": False}) as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW DATABASES")
        assert {row[0] for row in cursor.fetchall()} == {"information_schema", "my_crud"}
        for statement in ("SELECT * FROM mysql.user", "DROP TABLE my_crud.items", "CREATE DATABASE myXcrud"):
            with pytest.raises(pymysql.MySQLError, match=r"denied"):
                cursor.execute(statement)


def test_a_new_password_is_set(server: MariaDB, env: dict[str, str], tmp_path: Path) -> None:
    assert bootstrap.main(env) == 0
    with running(env, tmp_path) as app:
        assert app.client.get("/healthz").status_code == 200
        changed = env | {"APP_PASSWORD": "Another-2"}
        assert bootstrap.main(changed) == 0
        with server.admin() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'app'")
            for (number,) in cursor.fetchall():
                cursor.execute("KILL CONNECTION %s", (number,))
        assert app.client.get("/healthz").status_code == 503, "the old password opens no connection"
        (tmp_path / "password").write_text("Another-2")
        assert app.client.get("/healthz").status_code == 200, "the file is read again"


def test_more_rights_than_needed_are_refused(
    server: MariaDB, env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(env) == 0
    with server.admin() as connection, connection.cursor() as cursor:
        cursor.execute("GRANT SELECT ON mysql.* TO 'app'@'%'")
        assert bootstrap.main(env) == 1
        assert "GRANT SELECT ON `mysql`.*" in capsys.readouterr().err
        cursor.execute("REVOKE SELECT ON mysql.* FROM 'app'@'%'")
    assert bootstrap.main(env) == 0


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"ADMIN_PASSWORD": "wrong-Secret-9"}, 1, "Access denied"),
        ({"DB_CA": "other.pem"}, 1, "CERTIFICATE_VERIFY_FAILED"),
        ({"DB_PORT": "1", "BOOTSTRAP_TIMEOUT": "1"}, 1, "did not answer in 1 s"),
        ({"APP_USER": "Admin"}, 2, "must differ"),
        ({"APP_USER": "a'b"}, 2, "APP_USER must be"),
        ({"APP_PASSWORD": ""}, 2, "APP_PASSWORD_FILE (or APP_PASSWORD) is not set"),
    ],
)
def test_bootstrap_says_what_is_wrong(
    server: MariaDB,
    env: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    change: dict[str, str],
    status: int,
    said: str,
) -> None:
    if "DB_CA" in change:
        change = {"DB_CA": str(server.folder / change["DB_CA"])}
    assert bootstrap.main(env | change) == status
    told = capfd.readouterr()
    assert said in told.err
    for secret in (env["APP_PASSWORD"], ADMIN_PASSWORD, "wrong-Secret-9"):
        assert secret not in told.out + told.err


def test_the_servers_own_certificate_pins_it(server: MariaDB, env: dict[str, str]) -> None:
    assert bootstrap.main(env | {"DB_CA": str(server.folder / "server.pem")}) == 0


def test_a_host_name_is_checked_when_asked(env: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(env | {"DB_TLS": "verify-identity"}) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in capfd.readouterr().err


def test_bootstrap_waits_for_the_database(server: MariaDB, env: dict[str, str], tmp_path: Path) -> None:
    assert bootstrap.main(env) == 0
    server.stop()
    code = "import sys; from crud.bootstrap import main; sys.exit(main())"
    waiting = subprocess.Popen(
        [sys.executable, "-c", code], env=env | {"PYTHONPATH": str(EXAMPLE), "BOOTSTRAP_TIMEOUT": "60"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert waiting.stdout is not None
    assert "waiting for" in waiting.stdout.readline()
    server.start()
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert "has its password" in out


def test_a_restarted_database_costs_no_failed_request(server: MariaDB, env: dict[str, str], tmp_path: Path) -> None:
    assert bootstrap.main(env) == 0
    with running(env, tmp_path) as app:
        item = app.client.post("/api/items", json={"name": "kept"}).json()
        server.stop()
        assert app.client.get("/healthz").status_code == 503
        assert app.client.get("/livez").status_code == 200
        assert app.client.post("/api/items", json={"name": "lost"}).status_code == 503
        server.start()
        answer = app.client.get("/api/items")
        assert answer.status_code == 200
        assert [row["name"] for row in answer.json()] == ["kept"]
        app.client.delete(f"/api/items/{item['id']}")


def test_sigterm_drains_then_ends(server: MariaDB, env: dict[str, str], tmp_path: Path) -> None:
    assert bootstrap.main(env) == 0
    with running(env, tmp_path, CRUD_DRAIN_SECONDS="2") as app:
        app.process.send_signal(signal.SIGTERM)
        wait(lambda: app.client.get("/healthz").status_code == 503, "not ready any more", 2)
        assert app.client.get("/api/items").status_code == 200, "still serving while it drains"
        assert app.process.wait(10) in (0, -signal.SIGTERM)


def test_an_unusable_environment_is_told_at_once(env: dict[str, str], tmp_path: Path) -> None:
    settings = app_env(env, tmp_path) | {"PATH": os.environ["PATH"], "PYTHONPATH": str(EXAMPLE), "DB_CA": ""}
    ended = subprocess.run([sys.executable, "-m", "crud"], env=settings, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert ended.stderr.startswith("crud: DB_CA is not set")
