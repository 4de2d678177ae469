"""What a page does in a real browser: `check.py CHROMIUM FOLDER`, where FOLDER has the pages that `run` made."""

import json
import sys
from pathlib import Path

from browser import Browser

FOLDER = Path(sys.argv[2])
SESSIONS = "document.querySelectorAll('#sessions .session').length"
PARTS = "document.querySelectorAll('.transcript .part').length"
NOTHING_RAN = "window.canary === undefined"
# What only HTML that was parsed could have made.
NO_FOREIGN = """[...document.querySelectorAll(
  'iframe, object, embed, link, base, form, a, animate, foreignObject, [href], [onerror], [onload], [style*=url]')]
  .map((found) => found.outerHTML)"""
IMAGES = "[...document.images].map((image) => image.src.slice(0, 22))"


def check(truth, what):
    if not truth:
        raise AssertionError(what)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def quiet(browser, what):
    equal(browser.complaints(), [], f"{what}: what the browser said")
    equal(browser.requests(), [], f"{what}: what was asked of the network")
    check(browser.ask(NOTHING_RAN), f"{what}: something of a log ran")


def hostile(browser):
    """Every hostile session opened with all that it hides, unfolded: nothing of it is more than text."""
    browser.open(FOLDER / "hostile.html")
    number = browser.ask(SESSIONS)
    check(number >= 25, f"only {number} hostile sessions")
    policy = browser.ask("document.querySelector('meta[http-equiv]').content")
    check(policy.startswith("default-src 'none';"), policy)
    pictures = 0
    for at in range(number):
        browser.click(f"#sessions [data-number='{at}']")
        browser.wait(f"document.querySelector('.session-head') && {PARTS} > 2")
        browser.ask("""(() => {
          const hidden = [...document.querySelectorAll('.tools button')].find((one) => one.textContent.startsWith('Hidden'));
          hidden?.click();
          document.querySelector('.tools button').click();
        })()""")
        browser.wait("document.querySelector('.transcript details[open] pre')")
        browser.ask("[...document.querySelectorAll('.more')].forEach((more) => more.click())")
        browser.ask("document.querySelectorAll('.part *').forEach((one) => one.dispatchEvent(new MouseEvent('click')))")
        equal(browser.ask(NO_FOREIGN), [], f"hostile session {at}: elements that are not the page's own")
        found = browser.ask(IMAGES)
        check(all(one == "data:image/png;base64," for one in found), f"images of {found}")
        pictures += len(found)
        equal(browser.ask("document.querySelectorAll('script:not([type])').length"), 1, "scripts")
        wide = browser.ask("document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, f"hostile session {at} makes the page {wide} pixels too wide")
        text = browser.ask("document.body.innerText")
        for harmful in "\u202e\u2066\u200b\ufeff\u2028\x1b\x00\U000e0041":
            check(harmful not in text, f"hostile session {at} shows {harmful!r} as such")
        check("[object" not in text, f"hostile session {at} shows a node as its name")
        quiet(browser, f"hostile session {at}")
    equal(pictures, number, "the PNG of each session is shown, and nothing else")
    browser.wait("[...document.images].every((image) => image.complete && image.naturalWidth === 24)")
    browser.key("Escape", "/")
    browser.type("<script>")
    browser.key("Enter", shift=True)
    browser.wait(f"document.querySelector('#progress').textContent.includes('through {number} of {number}')", 60)
    check(browser.ask("document.querySelectorAll('.hit').length") > 2, "the search finds tags as text")
    equal(browser.ask(NO_FOREIGN), [], "elements that are not the page's own among what was found")
    quiet(browser, "search")


def policy_holds(browser):
    """That the browser would have told, and refused: the same as a mistake of the page would do it."""
    browser.open(FOLDER / "hostile.html")
    browser.ask("""(() => {
      const script = document.createElement('script');
      try { script.textContent = 'window.canary = 1'; document.body.append(script); } catch {}
      try { document.body.innerHTML += '<img src=x onerror="window.canary=1">'; } catch {}
      const image = document.createElement('img');
      image.src = 'https://example.invalid/x.png';
      document.body.append(image);
      fetch('https://example.invalid/').catch(() => {});
    })()""")
    browser.wait("window.violations.some((one) => one.startsWith('img-src'))"
                 " && window.violations.some((one) => one.startsWith('connect-src'))"
                 " && window.violations.some((one) => one.startsWith('require-trusted-types-for'))")
    check(browser.ask(NOTHING_RAN), "the policy does not hold")


def list_and_filters(browser):
    browser.size(1280, 860)
    browser.open(FOLDER / "samples.html")
    data = json.loads((FOLDER / "samples.json").read_text())
    equal(browser.ask(SESSIONS), len(data), "sessions")
    order = browser.ask("[...document.querySelectorAll('#sessions .session')].map((one) => one.title)")
    wanted = sorted(data, key=lambda one: -(one["last_activity_ms"] or one["updated_ms"]))
    equal(order, [one["id"] for one in wanted], "the last active first")
    agents = [one["agent"] for one in data]
    one = next(agent for agent in agents if agent)
    browser.ask(f"""(() => {{ const agent = document.getElementById('agent');
      agent.value = '{one}'; agent.dispatchEvent(new Event('change')); }})()""")
    equal(browser.ask(SESSIONS), agents.count(one), f"sessions of {one}")
    browser.click("#clear")
    equal(browser.ask(SESSIONS), len(data), "sessions after clearing")
    browser.key("/")
    browser.type("prints panic")
    browser.wait(f"{SESSIONS} < {len(data)}")
    check(browser.ask("[...document.querySelectorAll('#sessions .name')].some((one) => /panic/i.test(one.textContent))"),
          "what the text filter leaves")
    check(" of " in browser.ask("document.getElementById('shown').textContent"), "the filter says how many are left")
    browser.key("Escape")
    browser.click("#clear")
    browser.ask("""(() => { const since = document.getElementById('since');
      since.value = '2999-01-01'; since.dispatchEvent(new Event('change')); })()""")
    equal(browser.ask(SESSIONS), 0, "sessions of the future")
    browser.click("#clear")
    quiet(browser, "list")


def keyboard_and_folding(browser):
    browser.open(FOLDER / "samples.html")
    browser.key("j", "j", "k")
    equal(browser.ask("document.querySelector('#sessions .selected').dataset.number"), "1", "j j k")
    browser.key("/")
    browser.type("panic")
    browser.key("Enter", "Enter")
    browser.wait(f"{PARTS} > 0")
    check("session=" in browser.ask("location.hash"), "the address says which session is open")
    browser.key("j")
    equal(browser.ask("document.querySelector('.part.at').dataset.part"), "0", "the first part")
    for _ in range(50):
        if browser.ask("!!document.querySelector('.part.at details')"):
            break
        browser.key("j")
    equal(browser.ask("document.querySelector('.part.at details').open"), False, "a tool is folded")
    equal(browser.ask("document.querySelector('.part.at details').children.length"), 1, "and not drawn")
    browser.key("Enter")
    browser.wait("document.querySelector('.part.at details').open && document.querySelector('.part.at pre')")
    browser.key("Enter")
    equal(browser.ask("document.querySelector('.part.at details').open"), False, "folded again")
    browser.key("?")
    check(browser.ask("document.getElementById('help').open"), "? shows the keys")
    browser.key("Escape")
    browser.wait("!document.getElementById('help').open")
    browser.key("Escape")
    browser.wait("!document.body.classList.contains('reading') && location.hash === ''")
    browser.ask("history.back()")
    browser.wait(f"{PARTS} > 0")
    quiet(browser, "keyboard")


def forks(browser):
    """A branch shows what it shares with its parent, once in the file, and the tree leads to each."""
    browser.open(FOLDER / "forks.html")
    browser.key("Enter")
    browser.wait("document.querySelectorAll('.tree .segment').length === 2")
    shown = "[...document.querySelectorAll('.said')].map((one) => one.textContent)"
    texts = []
    for at in range(2):
        browser.ask(f"document.querySelectorAll('.tree .segment')[{at}].dispatchEvent(new MouseEvent('click'))")
        texts.append(browser.ask(shown))
    equal(texts, [["one", "two", "three"], ["one", "two", "another"]], "the two segments")
    quiet(browser, "forks")


def search(browser):
    browser.open(FOLDER / "samples.html")
    browser.key("/")
    browser.type("panic")
    browser.key("Enter", shift=True)
    browser.wait("document.querySelector('.hit .place') && !document.querySelector('progress')", 60)
    browser.click(".hit .place")
    browser.wait("document.querySelector('.part.at mark')")
    equal(browser.ask("document.querySelector('.part.at mark').textContent.toLowerCase()"), "panic", "the mark")
    browser.key("Escape")
    browser.wait("document.querySelector('.hits')")
    quiet(browser, "search")


def themes(browser):
    background = "getComputedStyle(document.body).backgroundColor"
    browser.media(scheme="light")
    browser.open(FOLDER / "samples.html")
    light = browser.ask(background)
    browser.media(scheme="dark")
    dark = browser.ask(background)
    check(light != dark, "the system's theme is followed")
    browser.key("t")
    equal(browser.ask(background), light, "t: light")
    browser.key("t")
    browser.media(scheme="light")
    equal(browser.ask(background), dark, "t t: dark")
    browser.key("t")
    equal(browser.ask(background), light, "t t t: as the system has it")


def paper(browser):
    browser.open(FOLDER / "samples.html")
    browser.key("t", "t", "Enter")
    browser.wait(f"{PARTS} > 0")
    browser.media(media="print")
    display = "getComputedStyle(document.querySelector('{}')).display"
    for hidden in ("#bar", "#side", ".tools"):
        equal(browser.ask(display.format(hidden)), "none", f"{hidden} on paper")
    equal(browser.ask("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)", "paper is white")
    equal(browser.ask("getComputedStyle(document.getElementById('view')).overflowY"), "visible", "all pages")
    pages = browser.call("Page.printToPDF")["data"]
    check(len(pages) > 4000, "a PDF")
    browser.media()
    browser.key("t")


def phone(browser):
    browser.size(390, 844, phone=True)
    browser.open(FOLDER / "samples.html")
    visible = "getComputedStyle(document.querySelector('{}')).display !== 'none'"
    check(browser.ask(visible.format("#side")) and not browser.ask(visible.format("#view")), "the list alone")
    browser.click("#sessions .session")
    browser.wait("document.querySelector('.session-head')")
    check(browser.ask(visible.format("#view")) and not browser.ask(visible.format("#side")), "the session alone")
    equal(browser.ask("document.documentElement.scrollWidth"), 390, "nothing is wider than the phone")
    browser.click("#back")
    browser.wait("!document.body.classList.contains('reading')")
    browser.size(1280, 860)


def main():
    browser = Browser(sys.argv[1])
    try:
        browser.size(1280, 860)
        for test in (hostile, policy_holds, list_and_filters, keyboard_and_folding, forks, search, themes, paper, phone):
            test(browser)
            print(f"ok: {test.__name__}", flush=True)
    finally:
        browser.close()


if __name__ == "__main__":
    main()
