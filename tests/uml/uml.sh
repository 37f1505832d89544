#!/bin/sh
# Runs a command under a real Linux kernel with CAN, in seconds and without a disk image: Debian's user-mode-linux boots
# on this machine's own files (hostfs), with vcan0 up. What the command says on its error output appears at once, what
# it prints when it has ended; then this ends with its exit status. Whatever ends this script ends the kernel too.
#
#   uml.sh --fetch              gets the packages if they are not there yet (no root needed); 77 if they cannot be had
#   uml.sh COMMAND [ARG...]     runs it in the present directory, can-utils and udevadm on its PATH
#
# JP_UML_DIR     where the packages are kept, extracted, not installed (default: jp-uml in the user's cache directory)
# JP_UML_SERIAL  a tty of this machine that becomes the guest's /dev/ttyS0
# JP_UML_PYTHON  the interpreter of the guest's first process (default: python3)
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
store=${JP_UML_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/jp-uml}
packages='user-mode-linux can-utils udev libkmod2'
complete=$store/complete.$(echo "$packages" | tr ' ' '+')
python=$(command -v "${JP_UML_PYTHON:-python3}")

fetch() {
    [ -e "$complete" ] && return 0
    for tool in apt-get dpkg-deb flock; do
        command -v "$tool" >/dev/null || { echo "uml.sh: no $tool: user-mode-linux is a Debian package" >&2; return 77; }
    done
    mkdir -p "$store"
    # One at a time: another would put its files in the place of those that a kernel is just being started from.
    (
        flock 9
        [ -e "$complete" ] || download
    ) 9>"$store/fetching"
}
download() {
    fresh=$(mktemp -d "$store/fetch.XXXXXX")
    # shellcheck disable=SC2086  # a list of words
    if ! (cd "$fresh" && apt-get download -q $packages >log 2>&1); then
        echo "uml.sh: cannot download $packages: $(grep '^E:' "$fresh/log" | head -n 1)" >&2
        rm -rf "$fresh"
        return 77
    fi
    for package in "$fresh"/*.deb; do dpkg-deb -x "$package" "$store"; done
    rm -rf "$fresh"
    : >"$complete"
}

if [ "${1:-}" = --fetch ]; then
    fetch
    exit
fi
fetch

# The kernel makes itself a session of its own, so that neither Ctrl-C nor a signal to our group reaches it. Asked to
# end, it takes its processes along; killed, it leaves them, but they are of the group that it leads.
kernel=
end() {
    if [ -n "$kernel" ]; then
        kill "$kernel" 2>/dev/null || true
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 "$kernel" 2>/dev/null || break
            sleep 0.2
        done
        kill -KILL "$kernel" 2>/dev/null || true
        sweep
    fi
    rm -rf "$work"
}
sweep() { kill -KILL -- "-$kernel" 2>/dev/null || true; }
work=$(mktemp -d "${TMPDIR:-/tmp}/jp-uml.XXXXXX")
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for argument in "$@"; do printf '%s\n' "$argument"; done >"$work/command"
cat >"$work/init" <<END
#!/bin/sh
PYTHONDONTWRITEBYTECODE=1 exec '$python' '$here/guest_init.py' '$work' '$store' '$PWD'
END
chmod 755 "$work/init"

# A pipe, not our own error output: the kernel would set a terminal to raw mode.
mkfifo "$work/errors"
cat "$work/errors" >&2 &
teller=$!
# Not even SIGKILL to this script leaves the kernel behind.
bound=
command -v setpriv >/dev/null && bound='setpriv --pdeathsig TERM'
$bound "$store/usr/bin/linux.uml" mem=384M root=/dev/root rootfstype=hostfs rootflags=/ rw init="$work/init" quiet \
    con=null con0=null,fd:1 con1=null,fd:3 ssl=null ${JP_UML_SERIAL:+"ssl0=tty:$JP_UML_SERIAL"} uml_dir="$work" \
    3>"$work/errors" >"$work/console" 2>&1 </dev/null &
kernel=$!
wait "$kernel" || true
sweep
kernel=
wait "$teller" || true

[ -e "$work/output" ] && cat "$work/output"
if [ ! -e "$work/status" ]; then
    echo "uml.sh: the kernel did not get to the end of the command; its console:" >&2
    cat "$work/console" >&2
    exit 125
fi
exit "$(cat "$work/status")"
