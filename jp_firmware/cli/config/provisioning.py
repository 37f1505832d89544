"""`jp config import`, `bundle` and `board`: what is made of files for a charger, without one that runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from jp_firmware.cli.terminal import Terminal
    from jp_firmware.config.brought.bundle import Bundle
    from jp_firmware.config.brought.importing import Import
    from jp_firmware.config.examine import Examined

Run: TypeAlias = Callable[[argparse.Namespace], int]
AddVerb: TypeAlias = Callable[[Any, str, Run, str], argparse.ArgumentParser]


def add_verbs(verbs: Any, verb: AddVerb) -> None:
    """Gives `jp config` these words; `verb` adds one."""
    importing = verb(verbs, "import", import_document, "take values from another program's JSON document over")
    importing.add_argument("file", metavar="FILE", help="the document")
    importing.add_argument("--onto", metavar="CABINET", help="the cabinet that is to have them (default: only tell)")
    importing.add_argument(
        "--phase-voltage", type=_volts, metavar="V", help="phase to neutral, to make W of an AC current (as in 230)"
    )
    _add_output(importing, "where the cabinet with the values goes (default: the standard output)")
    _add_json(importing)
    about = "one file that brings a configuration to another unit"
    bundles = verbs.add_parser("bundle", help=about, description=about[:1].upper() + about[1:]).add_subparsers(
        dest="bundle_verb", metavar="VERB", required=True
    )
    exporting = verb(bundles, "export", bundle_export, "make a bundle of a cabinet, without what is this unit's own")
    exporting.add_argument("cabinet", metavar="CABINET", help="its configuration: a TOML file")
    exporting.add_argument("--state-dir", type=Path, metavar="DIR", help="the charger's, to look for its secrets")
    _add_output(exporting, "the bundle", required=True)
    showing = verb(bundles, "show", bundle_show, "what is in a bundle")
    showing.add_argument("file", metavar="FILE", help="the bundle")
    showing.add_argument("--text", action="store_true", help="print its configuration, and nothing else")
    _add_json(showing)
    applying = verb(bundles, "apply", bundle_apply, "make the configuration of another unit of a bundle")
    applying.add_argument("file", metavar="FILE", help="the bundle")
    applying.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="what is this unit's own, as in charger.identity=JC-0017, and any other key; may be repeated",
    )
    applying.add_argument("--secrets", type=Path, metavar="FILE", help='this unit\'s secrets, as key = "value" lines')
    applying.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="of a charger that does not run: kept there as a version, too"
    )
    applying.add_argument(
        "--profiles", type=Path, metavar="DIR", help="where its profiles go (default: profiles, beside the cabinet)"
    )
    _add_output(applying, "the cabinet's file", required=True)
    _add_json(applying)
    boarding = verb(verbs, "board", board, "the board: what its type is said to have, and what is found here")
    boarding.add_argument("cabinet", metavar="CABINET", nargs="?", help="whose board (default: only what is found)")
    _add_json(boarding)


def _add_output(to: argparse.ArgumentParser, about: str, required: bool = False) -> None:
    to.add_argument("-o", "--output", type=Path, metavar="FILE", required=required, help=about)


def _add_json(to: argparse.ArgumentParser) -> None:
    to.add_argument("--json", action="store_true", help="print JSON")


def _volts(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 50 <= value <= 1000:  # what low voltage is
        raise argparse.ArgumentTypeError(f"{text!r} is no voltage of a phase; write 230")
    return value


# --- import --------------------------------------------------------------------------------------------------------


def import_document(args: argparse.Namespace) -> int:
    """The table goes to the standard output, unless the cabinet's text goes there; then to the standard error."""
    from jp_firmware.cli.acting import CommandError
    from jp_firmware.cli.terminal import as_json, standard_error, standard_output
    from jp_firmware.config.brought.importing import imported
    from jp_firmware.config.brought.provisioning import put_in_place
    from jp_firmware.config.profiles import read_text
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.config.store import find

    if args.output and not args.onto:
        raise CommandError("-o FILE gets a cabinet with the values in it; name the one that is to have them by --onto")
    document = read_text(Path(args.file))
    cabinet = read_text(find(args.onto)) if args.onto else None
    try:
        told = imported(document, cabinet, phase_voltage_v=args.phase_voltage)
    except ConfigError as error:
        raise ConfigError(f"{args.file}: {error}") from error
    good = told.examined is None or not told.examined.errors
    written = bool(args.output) and good
    if told.examined and written:
        put_in_place(args.output, told.examined.text.encode())
    if args.json:
        standard_output().print(as_json(import_json(told) | {"written": str(args.output) if written else None}))
        return 0 if good else 1
    text_follows = told.examined is not None and good and not args.output
    terminal = standard_error() if text_follows else standard_output()
    terminal.print(import_lines(told, args.onto or ""))
    if told.examined and text_follows:
        print(told.examined.text, end="")
    elif written:
        terminal.print([f"{args.output}: written"])
    elif not good:
        standard_error().print([f"{args.onto}: with these values it would not be taken; nothing is written"])
    return 0 if good else 1


def import_lines(told: Import, cabinet: str) -> list[str]:
    """What became of each value, with remarks below it, then what there is to say of the cabinet."""
    from jp_firmware.cli.terminal import clean

    lines: list[str] = []
    for one in told.rows:
        here = f" -> {one.key} = {_short(one.to)}" if one.outcome.value == "taken" or one.to is not None else ""
        lines += _beside(one.outcome.value, clean(f"{one.name} = {_short(one.value)}{here}"))
        if one.remarks:
            mark = "(!) " if one.warning else ""
            lines += _beside("", f"{mark}{clean('; '.join(one.remarks))}.")
    lines += ["", *(one.told_of(cabinet) for one in told.examined.findings)] if told.examined else [""]
    attention = sum(one.warning for one in told.rows)
    taken = sum(one.outcome.value == "taken" for one in told.rows)
    values = "1 value" if len(told.rows) == 1 else f"{len(told.rows)} values"
    return [*lines, f"{values}: {taken} taken, {attention} to look at (!)"]


def _beside(word: str, text: str) -> list[str]:
    """A text beside a word, in lines of what a terminal has."""
    from jp_firmware.cli.terminal import wrapped

    first, *others = wrapped(text, " " * 15) or [""]
    return [f"{word:13}  {first[15:]}".rstrip(), *others]


def import_json(told: Import) -> dict[str, Any]:
    """The same for a program."""
    return {
        "rows": [one.as_json() for one in told.rows],
        "findings": _findings_json(told.examined),
        "text": told.examined.text if told.examined else None,
    }


def _findings_json(examined: Examined | None) -> list[dict[str, Any]]:
    import attrs

    return [attrs.asdict(one) for one in examined.findings] if examined else []


def _short(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(_short, value))
        case dict():
            return "{…}"
    return str(value)


# --- bundles -------------------------------------------------------------------------------------------------------


def bundle_export(args: argparse.Namespace) -> int:
    from jp_firmware.cli.terminal import standard_output
    from jp_firmware.config.brought.bundle import packed
    from jp_firmware.config.brought.provisioning import exported, put_in_place
    from jp_firmware.config.kept.secrets_file import secrets_of
    from jp_firmware.config.profiles import read_text
    from jp_firmware.config.store import find

    secrets = secrets_of(args.state_dir / "config" / "secrets.toml") if args.state_dir else {}
    bundle = exported(read_text(find(args.cabinet)), secrets)
    put_in_place(args.output, packed(bundle))
    asked = ", ".join(one.key for one in bundle.asked)
    profiles = f" and {len(bundle.profiles)} profile files" if bundle.profiles else ""
    standard_output().print([f"{args.output}: the configuration{profiles}, without {asked}"])
    return 0


def bundle_show(args: argparse.Namespace) -> int:
    import attrs

    from jp_firmware.cli.terminal import as_json, clean, standard_output

    bundle = _bundle(args.file)
    terminal = standard_output()
    if args.text:
        terminal.print([clean(line) if line else "" for line in bundle.cabinet.splitlines()])
    elif args.json:
        told = attrs.asdict(bundle, recurse=True)
        terminal.print(as_json(told | {"profiles": sorted(bundle.profiles)}))
    else:
        terminal.print(bundle_lines(bundle))
    return 0


def bundle_lines(bundle: Bundle) -> list[str]:
    """What is in a bundle, for a person."""
    from jp_firmware.cli.terminal import clean, table, wrapped

    brand, request = bundle.brand, bundle.request
    lines = table(
        [
            ["made by version", clean(bundle.version)],
            ["brand", clean(brand.name)],
            ["support phone", clean(brand.support_phone)],
            ["configuration", f"{len(bundle.cabinet.splitlines())} lines (see --text)"],
            ["profiles", ", ".join(map(clean, sorted(bundle.profiles))) or "those that the program brings"],
            ["licence asked for", f"{clean(request.model)}, serial {clean(request.serial)}"],
            ["  by the machine", clean(request.fingerprint, 40)],
        ],
        "<<",
    )
    lines += ["", "asked for when it is applied:"]
    for one in bundle.asked:
        marks = ", ".join(["secret"] * one.secret + ["may be left out"] * (not one.required))
        lines += wrapped(f"{clean(one.key)}{f' ({marks})' if marks else ''}: {clean(one.text)}", "  ")
    return lines


def bundle_apply(args: argparse.Namespace) -> int:
    from jp_firmware.cli.acting import CommandError
    from jp_firmware.cli.terminal import as_json, standard_error, standard_output
    from jp_firmware.config.brought.provisioning import applied, installed
    from jp_firmware.config.kept.secrets_file import secrets_of

    if args.secrets and not args.state_dir:
        raise CommandError("secrets are kept in the charger's state, never in a cabinet's file; name it by --state-dir")
    if args.secrets and not args.secrets.exists():
        raise CommandError(f"{args.secrets}: there is no such file")
    bundle = _bundle(args.file)
    secrets = secrets_of(args.secrets) if args.secrets else {}
    done = applied(bundle, args.settings, secrets)
    missing = ", ".join(one.key for one in done.missing_secrets)
    if missing and args.state_dir:
        raise CommandError(f'each charger has its own {missing}; write it as key = "value" into a file for --secrets')
    written: list[Path] = []
    if not done.examined.errors:
        written = [*installed(bundle, args.profiles or args.output.absolute().parent / "profiles"), args.output]
        _put(args, done.text, secrets)
    if args.json:
        told = {"findings": _findings_json(done.examined), "missing_secrets": missing.split(", ") if missing else []}
        standard_output().print(as_json(told | {"written": [str(one) for one in written]}))
    else:
        standard_error().print([one.told_of(args.output) for one in done.examined.findings])
        standard_output().print([f"{one}: written" for one in written])
        standard_output().print(_still_to_do(missing, written[:-1]))
    return 1 if done.examined.errors else 0


def _still_to_do(missing: str, profiles: list[Path]) -> list[str]:
    lines = []
    if profiles:
        from jp_firmware.config.profiles import directories

        place = profiles[0].parent.parent
        if place not in directories():
            lines.append(f"start the charger with JP_PROFILES={place}, where its profiles are")
    if missing:
        lines.append(f"this charger needs its own {missing}: jp config secret, when it runs")
    return lines


def _put(args: argparse.Namespace, text: str, secrets: dict[str, str]) -> None:
    """The cabinet's file; with a state, as a version of the configuration there, with its secrets."""
    from jp_firmware.config.brought.provisioning import put_in_place
    from jp_firmware.config.kept.config_store import ConfigStore
    from jp_firmware.config.kept.versions import Origin

    if args.state_dir is None:
        put_in_place(args.output, text.encode())
        return
    if not args.output.exists():
        put_in_place(args.output, text.encode())
    store = ConfigStore.open(args.output, args.state_dir)
    if store.text != text or {**store.secrets, **secrets} != dict(store.secrets):
        why = f"bundle {Path(args.file).name}"
        every = {**store.secrets, **secrets}
        store.commit(text, every, base=store.current.number, who=_user(), why=why, origin=Origin("bundle"))


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return "unknown"


def _bundle(file: str) -> Bundle:
    from jp_firmware.config.brought.bundle import MAX_BYTES, unpacked
    from jp_firmware.config.schema import ConfigError

    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as wrong:
        raise ConfigError(f"{file}: cannot be read ({wrong.strerror}); check the name and its permissions") from wrong
    try:
        return unpacked(content)
    except ConfigError as wrong:
        raise ConfigError(f"{file}: {wrong}") from wrong


# --- the board -----------------------------------------------------------------------------------------------------


def board(args: argparse.Namespace) -> int:
    import attrs

    from jp_firmware.cli.terminal import as_json, clean, standard_output, table
    from jp_firmware.config import store
    from jp_firmware.config.brought.board import board_profile, facts

    name = store.load(store.find(args.cabinet)).board.profile if args.cabinet else ""
    told = facts(board_profile(name) if name else None)
    terminal: Terminal = standard_output()
    if args.json:
        terminal.print(as_json([attrs.asdict(one) for one in told]))
    else:
        rows = [[one.what, clean(one.expected), clean(one.found)] for one in told]
        terminal.print(table([["", "its type", "found here"], *rows], "<<<"))
    return 0
