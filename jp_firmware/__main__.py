"""Lets a checkout run the command as `python -m jp_firmware`."""

from jp_firmware.cli.command import main

if __name__ == "__main__":
    raise SystemExit(main())
