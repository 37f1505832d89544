"""`jp completion`: tab completion for bash, zsh and fish, made from the parser, so that it is never out of date."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import attrs

SHELLS = ("bash", "zsh", "fish")


@attrs.frozen
class Words:
    """What may follow a command: its subcommands with their help, and its options."""

    command: tuple[str, ...]  # () is jp itself, ("session", "list") two words below it
    subcommands: tuple[tuple[str, str], ...]
    options: tuple[str, ...]
    files: bool  # whether it takes a file's name


def words_of(parser: argparse.ArgumentParser, command: tuple[str, ...] = ()) -> Iterator[Words]:
    """The words of a parser and of all below it."""
    subcommands: list[tuple[str, str]] = []
    options: list[str] = []
    below: list[tuple[str, argparse.ArgumentParser]] = []
    files = False
    for action in parser._actions:  # argparse offers no public way to walk a parser
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, inner in action.choices.items():
                subcommands.append((name, helps.get(name, "")))
                below.append((name, inner))
        elif not action.option_strings:
            subcommands += [(str(choice), "") for choice in action.choices or ()]
            files = files or action.metavar in ("FILE", "CABINET")
        options += [option for option in action.option_strings if option.startswith("--")]
    yield Words(command, tuple(subcommands), tuple(options), files)
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
        lines.append(f'        "{path}") words="{offered}";{files} ;;')
    return "\n".join(lines)


def _commands(words: list[Words]) -> str:
    return " | ".join(f'"{" ".join(one.command)}"' for one in words if one.command)


def _bash(words: list[Words]) -> str:
    return f"""\
# Tab completion of jp for bash: source <(jp completion bash)
_jp() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} path="" next word words="" files="" index
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
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ -n $files && $current != -* ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}}
complete -o filenames -F _jp jp ./jp
"""


def _zsh(words: list[Words]) -> str:
    return f"""\
#compdef jp
# Tab completion of jp for zsh: source <(jp completion zsh)
_jp() {{
    local trail="" next word offered="" files=""
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        next="${{trail:+$trail }}$word"
        case "$next" in
            {_commands(words)}) trail=$next ;;
        esac
    done
    case "$trail" in
{_cases(words).replace("words=", "offered=")}
    esac
    compadd -- ${{=offered}}
    if [[ -n $files ]]; then
        _files
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
        for option in one.options:
            lines.append(f"complete -c jp -n '{within}' -l {option.removeprefix('--')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
