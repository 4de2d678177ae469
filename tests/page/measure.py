"""How long a page takes to open, to show a session, and to search: `measure.py CHROMIUM PAGE`."""

import os
import statistics
import sys
import time

from browser import Browser

MOST_MS = 2000
ROUNDS = 5


def main():
    chromium, page = sys.argv[1:]
    browser = Browser(chromium)
    try:
        browser.size(1280, 860)
        opened, read = [], []
        for _ in range(ROUNDS):
            opened.append(browser.open(page))
            browser.wait("document.readyState === 'complete'", 60)
            read.append(round(browser.ask("performance.timing.loadEventEnd - performance.timing.navigationStart")))
        sessions = browser.ask("document.getElementById('counts').textContent")
        median = statistics.median(opened)
        print(f"{os.path.getsize(page):,} bytes, {sessions}: the list is drawn after {opened} ms, median {median:.0f} ms; the file is read after {read} ms")
        shown = []
        for at in range(ROUNDS):
            start = time.monotonic()
            browser.click(f"#sessions [data-number='{at * 7}']")
            browser.wait("document.querySelector('.transcript .part')")
            shown.append(round((time.monotonic() - start) * 1000))
        print(f"shows a session in {shown} ms")
        browser.key("Escape", "/")
        browser.type("zzz nowhere")
        start = time.monotonic()
        browser.key("Enter", shift=True)
        browser.wait("document.querySelector('#progress') && !document.querySelector('progress')", 300)
        print(f"searches all transcripts in {time.monotonic() - start:.1f} s")
        if browser.complaints() or browser.requests():
            sys.exit(f"FAILED: {browser.complaints()} {browser.requests()}")
        if max(median, statistics.median(read)) > MOST_MS:
            sys.exit(f"FAILED: the list is drawn after {median:.0f} ms, and it is read after {read} ms: {MOST_MS} are allowed")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
