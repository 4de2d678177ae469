"""Pictures of a page for the README: `pictures.py CHROMIUM PAGE FOLDER`."""

import sys
from pathlib import Path

from browser import Browser


def main():
    chromium, page, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    browser = Browser(chromium)
    try:
        browser.size(1100, 680)
        for scheme in ("light", "dark"):
            browser.media(scheme=scheme)
            browser.open(page)
            # The first session with forks, which has something of everything.
            browser.click("#sessions .session")
            browser.wait("document.querySelector('.transcript .part')")
            browser.ask("document.querySelector('.transcript .tool').open = true")
            browser.picture(folder / f"html-{scheme}.png")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
