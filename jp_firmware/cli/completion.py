"""`jp completion`: tab completion for bash, zsh and fish, made from the parser, so that it is never out of date.

What only the program knows, keys and versions of the configuration, the scripts ask `jp config offered` for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import attrs

SHELLS = ("bash", "zsh", "fish")

# What an argument of this name wants, as `jp config offered` calls it; after "settings" and "lists" a value follows.
ASKS = {"KEY": "keys", "KEY=VALUE": "settings", "SECRET": "secrets", "LIST=ITEM": "lists", "VERSION": "versions"}


@attrs.frozen
class Words:
    """What may follow a command: its subcommands with their help, and its options."""

    command: tuple[str, ...]  # () is jp itself, ("session", "list") two words below it
    subcommands: tuple[tuple[str, str], ...]
    options: tuple[str, ...]
    files: bool  # whether it takes a file's name
    asks: str = ""  # what it takes that only the program knows
    options_ask: tuple[tuple[str, str], ...] = ()  # the same for what follows an option


def words_of(parser: argparse.ArgumentParser, command: tuple[str, ...] = ()) -> Iterator[Words]:
    """The words of a parser and of all below it."""
    subcommands: list[tuple[str, str]] = []
    options: list[str] = []
    below: list[tuple[str, argparse.ArgumentParser]] = []
    files, asks = False, ""
    options_ask: list[tuple[str, str]] = []
    for action in parser._actions:  # argparse offers no public way to walk a parser
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, inner in action.choices.items():
                if name in helps:  # those without a word about them are not for people
                    subcommands.append((name, helps[name]))
                    below.append((name, inner))
        elif not action.option_strings:
            subcommands += [(str(choice), "") for choice in action.choices or ()]
            files = files or action.metavar in ("FILE", "CABINET")
            asks = asks or ASKS.get(str(action.metavar), "")
        elif str(action.metavar) in ASKS:
            options_ask += [(option, ASKS[str(action.metavar)]) for option in action.option_strings]
        options += [option for option in action.option_strings if option.startswith("--")]
    yield Words(command, tuple(subcommands), tuple(options), files, asks, tuple(options_ask))
    for name, inner in below:
        yield from words_of(inner, (*command, name))


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The completion script for a shell, to be sourced, or for fish to be put in its completions directory."""
    words = list(words_of(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words)


def _cases(words: list[Words]) -> str:
    lines = []
    for one in words:
        path = " ".join(one.command)
        offered = " ".join([*(name for name, _ in one.subcommands), *one.options])
        files = " files=1;" if one.files else ""
        asks = f" asks={one.asks};" if one.asks else ""
        lines.append(f'        "{path}") words="{offered}";{files}{asks} ;;')
    return "\n".join(lines)


def _option_cases(words: list[Words]) -> str:
    """What follows an option, in place of what else may stand there."""
    lines = [
        f'        "{" ".join(one.command)} {option}") words=""; files=""; asks={asks} ;;'
        for one in words
        for option, asks in one.options_ask
    ]
    return "\n".join(lines)


def _commands(words: list[Words]) -> str:
    return " | ".join(f'"{" ".join(one.command)}"' for one in words if one.command)


def _bash(words: list[Words]) -> str:
    return f"""\
# Tab completion of jp for bash: source <(jp completion bash)
_jp() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} path="" next word words="" files="" asks="" index
    local begun=$current cut=""
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        next="${{path:+$path }}$word"
        case "$next" in
            {_commands(words)}) path=$next ;;
        esac
    done
    case "$path" in
{_cases(words)}
    esac
    case "$path ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{_option_cases(words)}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ -n $files && $current != -* ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
    if [[ -n $asks && $current != -* ]]; then
        case "${{COMP_WORDS[COMP_CWORD - 1]}} $current" in  # bash takes KEY=VALUE for three words
            "= "*) begun=${{COMP_WORDS[COMP_CWORD - 2]}}=$current; cut=${{begun%%=*}}= ;;
            *" =") begun=${{COMP_WORDS[COMP_CWORD - 1]}}=; cut=$begun ;;
        esac
        COMPREPLY+=($(compgen -W "$("${{COMP_WORDS[0]}}" config offered "$asks" -- "$begun" 2>/dev/null)" -- "$begun"))
        COMPREPLY=("${{COMPREPLY[@]#"$cut"}}")
        compopt +o filenames 2>/dev/null
        [[ ($asks = settings || $asks = lists) && $begun != *=* ]] && compopt -o nospace 2>/dev/null
    fi
}}
complete -o filenames -F _jp jp ./jp
"""


def _zsh(words: list[Words]) -> str:
    return f"""\
#compdef jp
# Tab completion of jp for zsh: source <(jp completion zsh)
_jp() {{
    local trail="" next word offered="" files="" asks=""
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        next="${{trail:+$trail }}$word"
        case "$next" in
            {_commands(words)}) trail=$next ;;
        esac
    done
    case "$trail" in
{_cases(words).replace("words=", "offered=")}
    esac
    case "$trail ${{words[CURRENT - 1]}}" in
{_option_cases(words).replace("words=", "offered=")}
    esac
    compadd -- ${{=offered}}
    if [[ -n $files ]]; then
        _files
    fi
    if [[ -n $asks ]]; then
        local ends=" "
        [[ $asks = (settings|lists) && ${{words[CURRENT]}} != *=* ]] && ends=""
        compadd -S "$ends" -- ${{(f)"$("${{words[1]}}" config offered $asks -- "${{words[CURRENT]}}" 2>/dev/null)"}}
    fi
}}
# Sourced it registers itself; found in fpath it is called as the function it defines.
if [[ ${{funcstack[1]}} = _jp ]]; then
    _jp "$@"
else
    compdef _jp jp ./jp
fi
"""


def _fish(words: list[Words]) -> str:
    lines = ["# Tab completion of jp for fish: jp completion fish > ~/.config/fish/completions/jp.fish"]
    for one in words:
        under = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in one.command)
        within = under or "__fish_use_subcommand"
        names = " ".join(name for name, _ in one.subcommands)
        if one.command and names:
            within += f"; and not __fish_seen_subcommand_from {names}"
        for name, about in one.subcommands:
            lines.append(f"complete -c jp -f -n '{within}' -a {name} -d {_quoted(about)}")
        if one.asks:
            lines.append(f"complete -c jp -f -n '{within}' -a '{_asked_in_fish(one.asks)}'")
        asked = dict(one.options_ask)
        for option in one.options:
            wants = f" -x -a '{_asked_in_fish(asked[option])}'" if option in asked else ""
            lines.append(f"complete -c jp -n '{within}' -l {option.removeprefix('--')}{wants}")
    return "\n".join(lines) + "\n"


def _asked_in_fish(asks: str) -> str:
    return f"(jp config offered {asks} -- (commandline -ct) 2>/dev/null)"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
