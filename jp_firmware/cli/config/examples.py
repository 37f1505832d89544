"""What the help of `jp config VERB` shows below its options: how it is used. Each line can be given as it stands."""

from __future__ import annotations

from collections.abc import Mapping

EXIT_STATUS = """\
exit status:
  0  done, or nothing to do; with --dry-run: it could be done
  1  refused; nothing has changed
  2  a wrong command line
  3  waits for sessions
  4  somebody else changed the configuration meanwhile
"""

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "check": ("jp config check cabinet.toml", "jp config check demo --set site.limit_w=90000 --json"),
    "rules": ("jp config rules", "jp config rules RULE-27"),
    "explain": ("jp config explain site.limit_w", "jp config explain backend", "jp config explain maxPowerPerGunKW"),
    "show": ("jp config show", "jp config show connectors.2", "jp config show --text", "jp config show --at 7 site"),
    "history": ("jp config history", "jp config history -n 3 --json"),
    "diff": ("jp config diff", "jp config diff 3", "jp config diff 3 5"),
    "set": (
        "jp config set site.limit_w=100kW --why 'fuse of 160 A'",
        "jp config set connectors.2.weight=2 connectors.2.tier=1 --dry-run",
        "jp config set --unset planner.reserve_w",
        'jp config set --add \'authorize.local_list={ uid = "04A1B2C3", name = "Anna" }\'',
        "jp config set backend.url=wss://csms.example/ocpp --confirm 120",
        "jp config set site.limit_w=90kW --file cabinet.toml",
    ),
    "plan": ("jp config plan cabinet.toml", "jp config plan new.toml --file cabinet.toml"),
    "apply": ("jp config apply cabinet.toml --why 'after the visit'", "jp config apply - --yes"),
    "edit": ("jp config edit --why 'a third module'",),
    "rollback": ("jp config rollback 7 --dry-run", "jp config rollback 7 --why 'too much for the fuse'"),
    "secret": ("jp config secret backend.password",),
    "confirm": ("jp config confirm", "jp config confirm 7"),
    "revert": ("jp config revert",),
    "import": (
        "jp config import settings.json",
        "jp config import settings.json --onto cabinet.toml -o new.toml --phase-voltage 230",
    ),
    "bundle export": ("jp config bundle export cabinet.toml -o site.jpb",),
    "bundle show": ("jp config bundle show site.jpb",),
    "bundle apply": (
        "jp config bundle apply site.jpb --set charger.identity=JC-0018 --set charger.serial=S-18 -o cabinet.toml",
    ),
    "board": ("jp config board", "jp config board cabinet.toml"),
    "reference": ("jp config reference > configuration.md",),
    "schema": ("jp config schema > cabinet.schema.json",),
}

CHANGING = ("set", "plan", "apply", "edit", "rollback", "secret")


def epilog(verb: str) -> str:
    """What stands below the options of a verb."""
    examples = "examples:\n" + "".join(f"  {line}\n" for line in EXAMPLES[verb])
    return f"{examples}\n{EXIT_STATUS}" if verb in CHANGING else examples
