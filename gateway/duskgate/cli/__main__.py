"""``python -m duskgate.cli`` is ``duskgate``."""

from duskgate.cli.main import main

main(prog_name="duskgate")
