# Copyright (c) DKSAN-MM contributors.
"""Serve the page that upscales in a browser: python tools/web.py [FOLDER].

    python tools/web.py                  the page built by "npm run build"
    python tools/web.py --port 9000

The server accepts connections from this machine only. docs/web.md describes
how to build the page.
"""
import argparse
import io
import sys
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import release_folder
from dksan_mm.utils.running import last_sentence, run_tool

HOST = '127.0.0.1'
# Browsers provide threads only to pages that have these headers.
HEADERS = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-cache'
}
# Types by suffix. Some systems have other types for them, or none.
TYPES = {
    '.js': 'text/javascript',
    '.mjs': 'text/javascript',
    '.onnx': 'application/octet-stream',
    '.svg': 'image/svg+xml',
    '.wasm': 'application/wasm'
}


class Handler(SimpleHTTPRequestHandler):
    """Handler that serves files with the headers that isolate the page."""
    extensions_map = SimpleHTTPRequestHandler.extensions_map | TYPES

    def send_head(self) -> BinaryIO | io.BytesIO | None:
        try:
            return super().send_head()
        except ValueError:  # no file can have a name with a null character
            self.send_error(HTTPStatus.NOT_FOUND, 'File not found')
            return None

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_request(self, code: int | str = '-', size: int | str = '-'):
        """Log nothing for successful requests."""


class Server(ThreadingHTTPServer):
    """Server that answers several requests at a time."""
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a failed request in one sentence.

        A connection that the browser closes, as on a reload, is no failure.
        """
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and \
                not isinstance(error, ConnectionError):
            print(
                f'{Path(sys.argv[0]).name}: a request failed: '
                f'{last_sentence(error)}',
                file=sys.stderr)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'folder',
        nargs='?',
        type=Path,
        default=release_folder() / 'web' / 'dist',
        metavar='FOLDER',
        help='folder of the built page (default: web/dist)')
    parser.add_argument(
        '--port',
        type=int,
        default=8000,
        metavar='N',
        help='port; 0 for any free one (default: %(default)s)')
    args = parser.parse_args(argv)
    if not 0 <= args.port < 65536:
        parser.error(f'--port must be from 0 to 65535, got {args.port}')
    return args


def make_server(folder: Path, port: int) -> Server:
    """Open a server of a built page.

    Args:
        folder (Path): Folder in which ``npm run build`` put the page.
        port (int): Port, or 0 for any free port.

    Returns:
        Server: The open server; ``serve_forever`` runs it.

    Raises:
        UserError: If there is no page, or the port cannot be opened.
    """
    for name in ('index.html', 'models/models.json'):
        if not (folder / name).is_file():
            raise UserError(
                f'there is no built page in {folder}: build it in a clone of '
                'the project with "cd web && npm ci && npm run build"')
    try:
        return Server((HOST, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise UserError(f'port {port} cannot be opened ({error.strerror}): '
                        'choose another one with --port') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    with make_server(args.folder, args.port) as server:
        print(
            f'http://{HOST}:{server.server_port}/ (Ctrl-C ends it)',
            flush=True)
        server.serve_forever()


if __name__ == '__main__':
    sys.exit(run_tool(main, when_interrupted='ended'))
