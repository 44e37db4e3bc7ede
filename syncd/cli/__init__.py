"""The command line: parse, call, print. What each command does lives in the rooms below."""

from __future__ import annotations

import sys

import click

from syncd.cli.adding_cases import case
from syncd.cli.backing_up import backup
from syncd.cli.erasing import erase
from syncd.cli.files import check, schema, test
from syncd.cli.inspecting import explain, problems, refusals, status
from syncd.cli.matching import match
from syncd.cli.planning import plan
from syncd.cli.replaying import replay
from syncd.cli.reporting import report
from syncd.cli.reviewing import review
from syncd.cli.running import once, run
from syncd.cli.setting_up import demo, sandbox, setup
from syncd.cli.starting_files import init
from syncd.cli.tuning import tune
from syncd.cli.undoing import undo
from syncd.cli.versioning import approve, rollback, versions
from syncd.cli.waiving import waive

COULD_NOT_RUN = 2


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 all well, 1 something needs a person, 2 could not run. "
    'Shell completion: eval "$(_SYNCD_COMPLETE=bash_source syncd)" (or zsh_source, fish_source).',
)
@click.version_option(package_name="syncd", message="syncd %(version)s")
def cli() -> None:
    """Hold the seam between marketing and sales closed: complete, explained leads in the CRM, answers carried back."""


for command in (
    run,
    once,
    init,
    check,
    test,
    case,
    schema,
    plan,
    explain,
    refusals,
    problems,
    status,
    approve,
    versions,
    rollback,
    replay,
    undo,
    erase,
    backup,
    report,
    review,
    waive,
    match,
    setup,
    demo,
    sandbox,
):
    cli.add_command(command)
match.add_command(tune)


def run_command_line(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code. Every expected trouble becomes plain sentences on stderr."""
    try:
        result = cli.main(args=arguments, prog_name="syncd", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return COULD_NOT_RUN
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        from syncd.cli.trouble import explain_trouble

        text = explain_trouble(error)
        if text is None:
            raise
        click.echo(text, err=True)
        return COULD_NOT_RUN
    return result if isinstance(result, int) else 0
