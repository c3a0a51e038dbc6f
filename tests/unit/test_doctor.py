# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor says in a sentence why Scumble does not show up, and what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scumble import __version__
from scumble.cli import main
from scumble.installing import doctor, folders, package, surroundings
from scumble.installing.findings import Finding
from scumble.installing.places import Host, Profile, System, profiles
from scumble.installing.programs import Answer, Ask
from scumble.settings import Home
from tests.unit.install_cases import Answers, contents, executable, nobody, system, zipped

PLACES: dict[Host, str] = {"gimp": ".config/GIMP/3.0", "blender": ".config/blender/4.5"}
OTHERS = '(plug-in-def "${gimp_plug_in_dir}/foggify.py" 1\n    (proc-def "foggify" 1\n'
PROCEDURE = '    (proc-def "%s" 1\n "%s" "help" "Scumble" "GPL" "2026" "%s"\n 1)\n'
FILL = PROCEDURE % ("plug-in-scumble-fill", "Fills.", "_Fill…")
SPENDING = PROCEDURE % ("plug-in-scumble-spending", "Says.", "_Spending…")


@pytest.fixture
def user(tmp_path: Path) -> System:
    return system(tmp_path)


def installed(user: System, host: Host, version: str = __version__) -> Profile:
    """The plug-in in the one profile of a host."""
    (user.home / PLACES[host]).mkdir(parents=True, exist_ok=True)
    (profile,) = profiles(host, user)
    folders.put(package.read(host, zipped(user.root / f"{host}.zip", contents(host, version))), profile)
    return profile


def found(user: System, home: Home, host: Host, ask: Ask = nobody) -> dict[str, Finding]:
    """Findings on a host by code, each with a sentence, and a problem with what to do."""
    findings = doctor.examine([host], user, home, ask).parts[host]
    for finding in findings:
        assert finding.sentence and (finding.remedy or not finding.is_problem)
    return {finding.code: finding for finding in findings}


def problems(findings: dict[str, Finding]) -> set[str]:
    return {code for code, finding in findings.items() if finding.is_problem}


def started(profile: Profile, registered: str | None) -> None:
    """GIMP was started since, and has noted this of the plug-in."""
    main = profile.plug_in / "scumble-gimp.py"
    text = OTHERS
    if registered is not None:
        path = "${gimp_dir}/plug-ins/scumble-gimp/scumble-gimp.py"
        text += f'(plug-in-def "{path}" {int(main.stat().st_mtime)}\n{registered}'
    noted = profile.folder / "pluginrc"
    # Pictures are in that file as they are.
    noted.write_bytes(text.encode() + b"\n(icon \x89PNG)\n")
    later = folders.placed_at(profile) + 10
    os.utime(noted, (later, later))


@pytest.mark.parametrize(("host", "code"), [("gimp", "host-missing"), ("blender", "host-missing")])
def test_a_host_that_is_not_here_is_said(user: System, home: Home, host: Host, code: str) -> None:
    assert problems(found(user, home, host)) == {code}


def test_the_host_that_one_does_not_have_is_no_problem(user: System, home: Home) -> None:
    started(installed(user, "gimp"), FILL + SPENDING)
    report = doctor.examine([], user, home, nobody)
    assert report.problems == 0
    assert [finding.code for finding in report.parts["blender"]] == ["host-missing"]


def test_what_is_in_the_menu_is_well(user: System, home: Home) -> None:
    started(installed(user, "gimp"), FILL + SPENDING)
    findings = found(user, home, "gimp")
    assert (
        problems(findings) == set() and f"Scumble {__version__} in its menu" in findings["in-menu"].sentence
    )


def no_run_bit(profile: Profile) -> None:
    (profile.plug_in / "scumble-gimp.py").chmod(0o644)


def too_deep(profile: Profile) -> None:
    profile.plug_in.rename(profile.plug_ins / "moved")
    profile.plug_in.mkdir()
    (profile.plug_ins / "moved").rename(profile.plug_in / profile.plug_in.name)


def renamed(profile: Profile) -> None:
    profile.plug_in.rename(profile.plug_ins / "scumble-gimp-0.1.0")


def loose(profile: Profile) -> None:
    folders.take_away(profile)
    (profile.plug_ins / "scumble-gimp.py").write_text("")


def without_main(profile: Profile) -> None:
    (profile.plug_in / "scumble-gimp.py").unlink()


def half(profile: Profile) -> None:
    (profile.plug_in / "scumble" / "__init__.py").unlink()


def twice(profile: Profile) -> None:
    other = profile.plug_ins / "copy of scumble"
    other.mkdir()
    (other / "scumble-gimp.py").write_text("")


def not_searched(profile: Profile) -> None:
    (profile.folder / "gimprc").write_text('(plug-in-path "${gimp_plug_in_dir}/plug-ins")\n')


def unregistered(profile: Profile) -> None:
    started(profile, None)


def without_python(profile: Profile) -> None:
    started(profile, None)
    (profile.folder / "pluginrc").write_text('(plug-in-def "${gimp_plug_in_dir}/blur" 1\n')
    later = folders.placed_at(profile) + 10
    os.utime(profile.folder / "pluginrc", (later, later))


def partly_registered(profile: Profile) -> None:
    started(profile, FILL)


def not_working(profile: Profile) -> None:
    reason = 'Scumble needs Python 3.11 or newer, and this GIMP brings 3.9 (\\"old\\").'
    started(profile, PROCEDURE % ("plug-in-scumble-fill", reason, "Scumble is not working…"))


def removed(profile: Profile) -> None:
    folders.take_away(profile)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (removed, "not-installed", "scumble install gimp"),
        (no_run_bit, "run-bit", "chmod +x"),
        (too_deep, "too-deep", "one folder too deep"),
        (renamed, "other-name", "another name"),
        (loose, "loose-files", "loose"),
        (without_main, "main-file-missing", "scumble-gimp.py"),
        (half, "incomplete", "scumble/__init__.py is missing"),
        (twice, "two-copies", "copy of scumble"),
        (not_searched, "not-searched", "Preferences > Folders"),
        (unregistered, "registration-error", "ended with an error"),
        (without_python, "no-python", "python3-gi"),
        (partly_registered, "registration-error", "without plug-in-scumble-spending"),
        (not_working, "not-working", 'this GIMP brings 3.9 ("old")'),
    ],
)
def test_each_way_not_to_show_up_in_gimp_has_its_sentence(
    user: System, home: Home, spoil: Callable[[Profile], None], code: str, words: str
) -> None:
    spoil(installed(user, "gimp"))
    findings = found(user, home, "gimp")
    assert problems(findings) == {code}
    assert words in findings[code].sentence + findings[code].remedy


@pytest.mark.parametrize("host", ["gimp", "blender"])
def test_a_plug_in_of_another_version_is_said(user: System, home: Home, host: Host) -> None:
    """Both write one ledger."""
    installed(user, host, "0.0.1")
    findings = found(user, home, host)
    assert problems(findings) == {"other-version"} and "0.0.1" in findings["other-version"].sentence


def test_the_folder_of_gimp_2_is_the_wrong_one(user: System, home: Home) -> None:
    old = installed(user, "gimp").plug_in
    (user.home / ".config/GIMP/2.10/plug-ins").mkdir(parents=True)
    old.rename(user.home / ".config/GIMP/2.10/plug-ins/scumble-gimp")
    assert problems(found(user, home, "gimp")) == {"wrong-profile", "not-installed"}


def test_before_gimps_next_start_nothing_is_wrong(user: System, home: Home) -> None:
    profile = installed(user, "gimp")
    assert set(found(user, home, "gimp")) == {"not-started-yet"}
    (profile.plug_ins / ".scumble-gimp.12ab.part").mkdir()
    (profile.folder / "pluginrc").write_text(OTHERS)
    os.utime(profile.folder / "pluginrc", (1, 1))
    findings = found(user, home, "gimp")
    assert set(findings) == {"not-started-since", "leftover"} and problems(findings) == set()


def test_a_flatpak_that_may_not_use_the_data_folder_is_said(user: System, home: Home) -> None:
    started(installed(user, "gimp"), FILL + SPENDING)
    app = user.root / "var/lib/flatpak/app/org.gimp.GIMP/current/active"
    app.mkdir(parents=True)
    metadata = app / "metadata"
    metadata.write_text("[Context]\nshared=network;ipc;\nfilesystems=host;xdg-config/GIMP;\n")
    assert problems(found(user, home, "gimp")) == set()
    overrides = user.root / "var/lib/flatpak/overrides"
    overrides.mkdir()
    (overrides / "org.gimp.GIMP").write_text("[Context]\nshared=!network;\nfilesystems=!host;\n")
    findings = found(user, home, "gimp")
    assert problems(findings) == {"flatpak-data-folder", "flatpak-network"}
    assert f"--filesystem={home.folder} org.gimp.GIMP" in findings["flatpak-data-folder"].remedy
    (overrides / "org.gimp.GIMP").write_text(f"[Context]\nfilesystems=!host;{home.folder}:create;\n")
    assert problems(found(user, home, "gimp")) == set()


def test_a_snap_sees_no_hidden_data_folder(user: System) -> None:
    (user.home / "snap/gimp/current/GIMP/3.0").mkdir(parents=True)
    meta = user.root / "snap/gimp/current/meta"
    meta.mkdir(parents=True)
    (meta / "snap.yaml").write_text("name: gimp\nconfinement: strict\n")
    hidden, seen = Home(user.home / ".local/share/scumble"), Home(user.home / "Scumble")
    assert "snap-data-folder" in problems(found(user, hidden, "gimp"))
    assert "snap-data-folder" not in problems(found(user, seen, "gimp"))


def blender_says(**said: bool) -> Answers:
    usual = {"enabled": True, "registered": True, "online": True, "numpy": True}
    line = "SCUMBLE-DOCTOR " + json.dumps({**usual, **said})
    return Answers("Blender 4.5.1", Answer(0, f"Read prefs\n{line}\nBlender quit\n"))


@pytest.mark.parametrize(
    ("ask", "codes", "wrong"),
    [
        (blender_says(), {"in-menu"}, set()),
        (blender_says(enabled=False), {"disabled"}, {"disabled"}),
        (blender_says(registered=False), {"registration-error"}, {"registration-error"}),
        (blender_says(online=False), {"in-menu", "online-access-off"}, set()),
        (blender_says(numpy=False), {"in-menu", "numpy-missing"}, set()),
    ],
)
def test_a_blender_that_can_be_started_is_asked(
    tmp_path: Path, home: Home, ask: Answers, codes: set[str], wrong: set[str]
) -> None:
    executable(tmp_path / "bin", "blender")
    user = system(tmp_path, PATH=str(tmp_path / "bin"))
    installed(user, "blender")
    findings = found(user, home, "blender", ask)
    assert set(findings) == codes and problems(findings) == wrong


@pytest.mark.parametrize(
    ("preferences", "code", "wrong"),
    [
        (None, "disabled", True),
        (b"BLENDER-v405...bl_ext.user_default.other\0", "disabled", True),
        (b"BLENDER-v405...bl_ext.user_default.scumble\0", "enabled", False),
        (b"\x28\xb5\x2f\xfdcompressed", "preferences-unreadable", False),
    ],
)
def test_without_a_blender_its_preferences_are_looked_at(
    user: System, home: Home, preferences: bytes | None, code: str, wrong: bool
) -> None:
    profile = installed(user, "blender")
    if preferences is not None:
        (profile.folder / "config").mkdir()
        (profile.folder / "config" / "userpref.blend").write_bytes(preferences)
    findings = found(user, home, "blender")
    assert set(findings) == {code} and findings[code].is_problem == wrong


def test_a_blender_that_is_too_old_and_an_add_on_of_the_old_kind(user: System, home: Home) -> None:
    (user.home / ".config/blender/3.6").mkdir(parents=True)
    assert problems(found(user, home, "blender")) == {"host-too-old"}
    (user.home / ".config/blender/3.6").rmdir()
    profile = installed(user, "blender")
    legacy = profile.folder / "scripts/addons/scumble"
    legacy.mkdir(parents=True)
    (legacy / "blender_manifest.toml").write_text("")
    assert problems(found(user, home, "blender")) == {"two-copies"}


@pytest.mark.parametrize(
    ("environment", "code", "wrong"),
    [
        ({"HTTPS_PROXY": "http://me:planted@proxy:3128"}, "proxy", False),
        ({"HTTPS_PROXY": "socks5://me:planted@proxy:1080"}, "proxy", True),
        ({"HTTPS_PROXY": "http://me:planted@proxy:port"}, "proxy", True),
        ({"SSL_CERT_FILE": "/nothing/there.pem"}, "certificates", True),
        ({"OPENAI_BASE_URL": "http://example.com/v1"}, "address", True),
        ({"OPENAI_API_KEY": "sk-test with a space"}, "key", True),
        ({"OPENAI_API_KEY": "sk-test-0000000000"}, "key-in-environment", False),
        ({}, "no-key", False),
    ],
)
def test_what_all_programs_share_is_looked_at(
    home: Home, environment: dict[str, str], code: str, wrong: bool
) -> None:
    """Of addresses and keys nothing secret is shown."""
    findings = list(surroundings.examine(home, {"SCUMBLE_KEYCHAIN": "off", **environment}))
    by_code = {finding.code: finding for finding in findings}
    assert by_code[code].is_problem == wrong
    assert [one.code for one in findings if one.is_problem] == ([code] if wrong else [])
    assert not any("planted" in str(one) or "sk-test" in str(one) for one in findings)


def test_a_key_file_that_others_read_is_a_problem(home: Home) -> None:
    home.key.write_text("sk-test-0000000000\n")
    home.key.chmod(0o644)
    findings = list(surroundings.examine(home, {"SCUMBLE_KEYCHAIN": "off"}))
    assert [one.code for one in findings if one.is_problem] == ["key"]


def test_a_data_folder_that_cannot_be_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    findings = surroundings.examine(Home(tmp_path / "file" / "scumble"), {"SCUMBLE_KEYCHAIN": "off"})
    assert "data-folder" in [one.code for one in findings if one.is_problem]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """This process as that user, who has no program on PATH."""
    user = system(tmp_path)
    monkeypatch.setenv("HOME", str(user.home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("XDG_CONFIG_HOME", "SNAP_REAL_HOME", "GIMP3_DIRECTORY", "BLENDER_USER_RESOURCES"):
        monkeypatch.delenv(name, raising=False)
    return user


def test_the_commands_install_examine_and_remove(alone: System, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run changes nothing; the exit code is 0 only when all is well."""
    (alone.home / PLACES["gimp"]).mkdir(parents=True)
    archive = zipped(alone.root / "scumble-gimp.zip", contents("gimp"))

    def run(*words: object) -> tuple[int, dict[str, object]]:
        code = main([*map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, told = run("install", "gimp", "--zip", archive, "--dry-run")
    assert code == 0 and told["dry_run"] and list((alone.home / PLACES["gimp"]).iterdir()) == []
    code, told = run("doctor", "gimp")
    assert code == 1 and told["problems"] == 1 and told["error"]["code"] == "problems-found"  # type: ignore[index]
    code, told = run("install", "gimp", "--zip", archive)
    assert code == 0 and told["profiles"][0]["action"] == "installed"  # type: ignore[index]
    code, told = run("doctor")
    assert code == 0 and told["problems"] == 0
    code, told = run("install", "gimp", "--remove")
    assert code == 0 and told["profiles"][0]["action"] == "removed"  # type: ignore[index]


def test_a_person_reads_sentences(alone: System, capsys: pytest.CaptureFixture[str]) -> None:
    archive = zipped(alone.root / "scumble-gimp.zip", contents("gimp"))
    assert main(["install", "gimp", "--zip", str(archive)]) == 1
    assert "Start GIMP once" in capsys.readouterr().err
    (alone.home / PLACES["gimp"]).mkdir(parents=True)
    assert main(["install", "gimp", "--zip", str(archive)]) == 0
    assert f"GIMP 3.0: Scumble {__version__} is installed in" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    assert "All is well." in capsys.readouterr().out
