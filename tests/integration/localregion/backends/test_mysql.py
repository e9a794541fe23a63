"""A DB system's server with the real MySQL, and with MariaDB in its place."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest

from localregion.backends.fabric import Fabric
from localregion.backends.mysql import MariaDb, MySql, MysqlError, MysqlServer, Product, product_of
from localregion.backends.mysql.products import native_password_hash
from localregion.host import namespaces
from localregion.host.mysql_programs import MysqlPrograms
from localregion.host.pki import Authority
from localregion.host.process import run
from localregion.settings import Settings

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

NAME = "tmysql"
ADDRESS = "10.9.6.10"
PASSWORD = 'It\'s a \\ "Passw0rd" &%~'
OTHER = "Another-Passw0rd"


def test_hash_is_the_one_of_the_server() -> None:
    # SELECT PASSWORD('mariadb') of MariaDB's own documentation.
    assert native_password_hash("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"


def connect(netns: str, authority: Path, user: str, password: str, *, tls: bool = True) -> Any:
    """A client in a namespace; the name `db.site` is the server's in its certificate."""

    def make() -> Any:
        if not tls:
            return pymysql.connect(host=ADDRESS, user=user, password=password, ssl_disabled=True, autocommit=True)
        context = ssl.create_default_context(cafile=str(authority))
        return pymysql.connect(host=ADDRESS, user=user, password=password, ssl=context, autocommit=True)

    return namespaces.inside(netns, make)


def query(connection: Any, *statements: str) -> Any:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


@pytest.fixture(params=["mysql", "mariadb"])
def product(request: pytest.FixtureRequest) -> Product:
    if request.param == "mariadb":
        return MariaDb()
    return MySql(asyncio.run(MysqlPrograms(Settings().cache).get()))


def test_a_db_system(tmp_path: Path, product: Product) -> None:
    authority = Authority.load_or_create(tmp_path, "test")
    # Deeper than a socket's path may be.
    folder = tmp_path / ("long-" * 12) / ("folder-" * 12) / "one"

    async def body() -> None:
        made = Fabric(NAME, tmp_path / "fabric")
        await made.start()
        server = MysqlServer(folder, authority=authority, product=product)
        try:
            netns = await made.attach("db", "mysql", "10.9.6.0/24", ADDRESS)
            client = await made.attach("client", "pods", "10.9.7.0/24", "10.9.7.10")
            place: dict[str, Any] = {"netns": netns, "address": ADDRESS, "names": ("db.site",)}
            with pytest.raises(MysqlError, match="needs an administrator"):
                await server.start(**place)
            await server.start(**place, admin="admin", password=PASSWORD, configuration={"max_connections": "77"})
            assert product_of(folder) == product.name

            def use(user: str, password: str, *statements: str, tls: bool = True) -> Any:
                connection = connect(client, authority.certificate_path, user, password, tls=tls)
                try:
                    return query(connection, *statements)
                finally:
                    connection.close()

            async def off(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                return await asyncio.to_thread(function, *args, **kwargs)

            assert (await off(use, "admin", PASSWORD, "SELECT @@max_connections"))[0][0] == 77
            who = (await off(use, "admin", PASSWORD, "SELECT USER()"))[0][0]
            assert who == "admin@10.9.7.10"
            assert (await off(use, "admin", PASSWORD, "SHOW STATUS LIKE 'Ssl_version'"))[0][1] == "TLSv1.3"
            grants = " ".join(row[0] for row in await off(use, "admin", PASSWORD, "SHOW GRANTS"))
            for never in ("SUPER", "FILE", "SHUTDOWN", "ALL PRIVILEGES", "SYSTEM_VARIABLES_ADMIN"):
                assert never not in grants
            refused = ["SET GLOBAL max_connections = 5", "SHUTDOWN", "SELECT 'x' INTO OUTFILE '/tmp/x'"]
            version = (await off(use, "admin", PASSWORD, "SELECT VERSION()"))[0][0]
            assert ("MariaDB" in version) is (product.name == "mariadb")
            if product.name == "mysql":
                refused += ["DELETE FROM mysql.user", "DROP TABLE mysql.user", "CREATE TABLE sys.t (n INT)"]
                refused += ["GRANT INSERT ON mysql.* TO admin", "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO admin"]
                text = "SELECT plugin, user FROM mysql.user WHERE user IN ('admin', 'root') ORDER BY user"
                plugins = await off(use, "admin", PASSWORD, text)
                assert plugins == (("caching_sha2_password", "admin"), ("auth_socket", "root"))
                await off(namespaces.inside, client, lambda: socket.create_connection((ADDRESS, 33060)).close())
            for statement in refused:
                with pytest.raises(pymysql.MySQLError, match=r"denied|refused|not allowed"):
                    await off(use, "admin", PASSWORD, statement)
            with pytest.raises(pymysql.OperationalError, match="Access denied"):
                await off(use, "admin", "wrong", "SELECT 1")
            with pytest.raises(pymysql.OperationalError, match=r"denied|not allowed"):
                await off(use, "root", "", "SELECT 1")
            await off(
                use,
                "admin",
                PASSWORD,
                "CREATE DATABASE app",
                "CREATE TABLE app.t (id INT PRIMARY KEY, v VARCHAR(20))",
                "INSERT INTO app.t VALUES (1, 'kept ✓')",
                "CREATE USER app@'%' IDENTIFIED BY 'App-Passw0rd' REQUIRE SSL",
                "GRANT ALL ON app.* TO app@'%'",
            )
            assert (await off(use, "app", "App-Passw0rd", "SELECT v FROM app.t"))[0][0] == "kept ✓"
            with pytest.raises(pymysql.OperationalError, match="Access denied"):
                await off(use, "app", "App-Passw0rd", "SELECT 1", tls=False)

            # Stopped, nobody answers; started, the data are there, and no password is needed for it.
            await server.stop()
            with pytest.raises(pymysql.OperationalError, match="refused"):
                await off(use, "admin", PASSWORD, "SELECT 1")
            again = MysqlServer(folder, authority=authority, product=product)
            server = again
            await server.start(**place)
            assert (await off(use, "app", "App-Passw0rd", "SELECT v FROM app.t"))[0][0] == "kept ✓"

            # Killed, it comes back, with what was committed.
            assert again._process is not None and again._process.pid is not None
            await off(use, "admin", PASSWORD, "INSERT INTO app.t VALUES (2, 'committed')")
            os.kill(again._process.pid, 9)
            for _ in range(200):
                await asyncio.sleep(0.1)
                try:
                    assert len(await off(use, "app", "App-Passw0rd", "SELECT * FROM app.t")) == 2
                    break
                except pymysql.OperationalError:
                    continue
            else:
                pytest.fail("the server did not come back")

            # Stopped in each of InnoDB's ways, in good order; what was committed is there.
            log = folder / "mysql.log"
            for number, (way, value) in enumerate((("SLOW", 0), ("IMMEDIATE", 2), ("FAST", 1)), start=3):
                await off(use, "app", "App-Passw0rd", f"INSERT INTO app.t VALUES ({number}, '{way}')")
                before = log.stat().st_size
                asked: list[str] = []
                plain = server.sql

                async def noted(text: str, asked: list[str] = asked, plain: Any = plain, **more: Any) -> str:
                    asked.append(text)
                    return str(await plain(text, **more))

                server.sql = noted  # type: ignore[method-assign]
                await server.stop(way)
                assert asked == ([] if way == "FAST" else [f"SET GLOBAL innodb_fast_shutdown = {value};"])
                assert "Shutdown complete" in log.read_text(errors="replace")[before:]
                server = MysqlServer(folder, authority=authority, product=product)
                await server.start(**place)
                assert len(await off(use, "app", "App-Passw0rd", "SELECT * FROM app.t")) == number

            await server.set_admin("admin", OTHER)
            with pytest.raises(pymysql.OperationalError, match="Access denied"):
                await off(use, "admin", PASSWORD, "SELECT 1")
            assert await off(use, "admin", OTHER, "SELECT 1")

            # A backup, and a new DB system from it.
            await server.dump(tmp_path / "backup")
            assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
            await off(use, "admin", OTHER, "INSERT INTO app.t VALUES (99, 'later')")
            await server.destroy()
            assert not folder.exists()
            server = MysqlServer(folder, authority=authority, product=product)
            await server.start(**place, admin="admin", password=PASSWORD, restore=tmp_path / "backup")
            assert (await off(use, "app", "App-Passw0rd", "SELECT v FROM app.t WHERE id = 1"))[0][0] == "kept ✓"
            assert not await off(use, "app", "App-Passw0rd", "SELECT v FROM app.t WHERE id = 99")
            assert await off(use, "admin", PASSWORD, "SELECT 1")

            # No password in anything that was written or is listed.
            listed = (await run(["ps", "-eo", "args"])).stdout
            assert PASSWORD not in listed and OTHER not in listed and "App-Passw0rd" not in listed
            for file in folder.rglob("*"):
                if file.is_file():
                    content = file.read_bytes()
                    assert PASSWORD.encode() not in content and OTHER.encode() not in content, file
                    assert file.stat().st_mode & 0o077 == 0 or folder.stat().st_mode & 0o077 == 0
            with pytest.raises(MysqlError, match="datadir"):
                await MysqlServer(folder, authority=authority, product=product).start(
                    **place, configuration={"datadir": "/"}
                )
        finally:
            await server.stop()
            await made.stop()

    asyncio.run(body())
    assert threading.active_count() < 50
