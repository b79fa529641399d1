"""What MkDocs does here besides: the reference of the commands, and pages that nav lacks."""

import argparse
import importlib
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

DOCS = Path(__file__).resolve().parent
MARK = '<!-- commands -->'
FETCHED = 'https://unpkg.com/iframe-worker/shim'  # by the theme, for the search from the disk


def on_config(config: Any) -> None:
    """Put pages that mkdocs.yml does not name yet at the end of "How to", by their titles."""
    named = set(re.findall(r'[\w/-]+\.md', str(config.nav)))
    pages = {str(path.relative_to(DOCS)): path for path in sorted(DOCS.rglob('*.md'))}
    how_to = next(section['How to'] for section in config.nav if 'How to' in section)
    for name in pages.keys() - named:
        title = re.search(r'^# (.+)', pages[name].read_text(), re.M)
        how_to.append({title[1] if title else name: name})


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the page of the commands from their own parsers."""
    if MARK not in markdown:
        return markdown
    from mmdeeplab.cli.main import COMMANDS

    return markdown.replace(MARK, '\n'.join(map(section, COMMANDS)))


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Let the search from the disk need no network, either.

    Raises:
        PluginError: A page would fetch a script from elsewhere.
    """
    output = output.replace(FETCHED, '../' * page.url.count('/') + 'theme/search_from_disk.js')
    if foreign := re.search(r'<script[^>]+src="https?://[^"]+"', output):
        raise PluginError(f'{page.url} fetches {foreign[0]}')
    return output


def section(name: str) -> str:
    """Heading, sentence and a table of arguments of one command and its own commands."""
    module = importlib.import_module(f'mmdeeplab.cli.{name.replace("-", "_")}')
    parser = module._parser()
    return f'## {name}\n\n{parser.description}\n\n' + table(parser) + '\n' + below(name, parser)


def below(name: str, parser: argparse.ArgumentParser) -> str:
    """The tables of ``weights list`` and its like."""
    found = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not found:
        return ''
    help_of = {choice.dest: choice.help or '' for choice in found[0]._choices_actions}
    return '\n'.join(
        f'### {name} {word}\n\n{cell(help_of.get(word, ""))}\n\n{table(sub)}\n'
        for word, sub in found[0].choices.items()
    )


def table(parser: argparse.ArgumentParser) -> str:
    """A row an argument: how it is written, what it means, its default."""
    rows = []
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        rows.append(f'| `{written(action)}` | {meaning(action)} |')
    return '\n'.join(['| argument | |', '|---|---|', *rows, '']) if rows else ''


def written(action: argparse.Action) -> str:
    """``--window N``."""
    formatter = argparse.HelpFormatter('')
    if not action.option_strings:
        return formatter._format_args(action, action.metavar or action.dest)
    value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    return ', '.join(action.option_strings) + (f' {value}' if value else '')


def meaning(action: argparse.Action) -> str:
    text = (action.help or '') % {**vars(action), 'prog': ''}
    default = action.default
    known = isinstance(default, (int, float, str)) and not isinstance(default, bool)
    shown = known and default != argparse.SUPPRESS and str(default) not in text
    return cell(text) + (f' (`{default}`)' if shown else '')


def cell(text: str) -> str:
    """Text that does not break a table."""
    return ' '.join(text.split()).replace('|', '&#124;').replace('<', '&lt;').replace('*', '&#42;')
