"""The command line, for tests: run in this process, and what a mistake must look like."""

from click.testing import CliRunner

from keras_gan.cli import main


def invoke(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def fails(result, status, message):
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr
