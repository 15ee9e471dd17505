"""The pages in headless Chromium, from a folder and from a server: sorted, filtered, flickered, walked through."""

import functools
import io
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect
from tests.report.conftest import HOSTILE, Tree, page_data, visiting

pytestmark = pytest.mark.slow


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tree: Tree) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(tree.output))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(params=["folder", "server"])
def origin(request: pytest.FixtureRequest, tree: Tree, server: str) -> str:
    return tree.output.as_uri() if request.param == "folder" else server


def sessions_shown(page: object) -> list[str]:
    return page.locator("#matrix-body tr:not(.spacer) th").all_inner_texts()  # type: ignore[attr-defined]


def pixels(place: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(place.screenshot())).convert("L"), dtype=float)


def test_cohort_page_sorts_filters_and_leads_to_sessions(browser: Browser, origin: str) -> None:
    with visiting(browser, f"{origin}/index.html") as visit:
        page = visit.page
        assert sessions_shown(page) == ["sub-01", "sub-02", "sub-03/ses-a", "sub-04", "sub-05"]
        sort = page.get_by_role("button", name="Session", exact=True)
        sort.click()
        assert sessions_shown(page)[0] == "sub-05"
        expect(page.locator("#matrix-head th").first).to_have_attribute("aria-sort", "descending")
        page.get_by_role("button", name="FLAIR", exact=True).click()
        states = page.locator("#matrix-body tr:not(.spacer) td:nth-child(5) .state").all_inner_texts()
        order = ["✕failed", "⊘unusable", "◆synthetic", "●acquired", "●acquired"]
        assert ["".join(state.split()) for state in states] == order
        page.get_by_role("combobox", name="FLAIR", exact=True).select_option(label="synthetic")
        assert sessions_shown(page) == ["sub-02"]
        expect(page.locator("#count")).to_have_text("1 of 5 sessions")
        page.get_by_role("button", name="Show all").click()
        page.get_by_label("Find").fill("ses-a")
        assert sessions_shown(page) == ["sub-03/ses-a"]
        # the address of what the page asked for: nothing but itself
        assert visit.requests == [f"{origin}/index.html"]
        page.get_by_role("link", name="sub-03/ses-a").first.click()
        expect(page.locator("h1")).to_have_text("sub-03 · ses-a")


def test_cohort_page_says_at_its_top_that_steps_failed(browser: Browser, tree: Tree) -> None:
    with visiting(browser, (tree.output / "index.html").as_uri()) as visit:
        first = visit.page.locator("main section").first
        expect(first).to_contain_text("5 steps failed")
        visit.page.get_by_role("link", name="Which steps").click()
        table = visit.page.get_by_role("region", name="Table of failures")
        expect(table).to_contain_text(HOSTILE)
        assert table.get_by_role("link", name="log").count() == 5
        table.get_by_role("link", name="log").last.click()
        expect(visit.page.locator("body")).to_contain_text("no memory left")


@pytest.mark.parametrize("session", ["sub-03_ses-a", "sub-04"])
def test_page_of_a_failed_session_says_so_first(browser: Browser, tree: Tree, session: str) -> None:
    with visiting(browser, (tree.output / f"{session}.html").as_uri()) as visit:
        first = visit.page.locator("main section").first
        expect(first).to_contain_text("of this session failed")
        expect(first.get_by_role("link", name="log").first).to_be_visible()


def test_dots_of_the_scores_open_sessions_by_mouse_and_by_keyboard(browser: Browser, tree: Tree) -> None:
    with visiting(browser, (tree.output / "index.html").as_uri()) as visit:
        page = visit.page
        strip = page.get_by_role("slider").first
        strip.focus()
        first = strip.get_attribute("aria-valuetext") or ""
        page.keyboard.press("ArrowRight")
        second = strip.get_attribute("aria-valuetext") or ""
        assert first.split()[0] == "sub-01" and second.split()[0] == "sub-02"
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("sub-02")
        page.go_back()
        strip = page.get_by_role("slider").nth(1)
        box = strip.bounding_box()
        assert box is not None
        # this contrast has the same score in all sessions, in the middle of the range: the first dot stands there
        strip.click(position={"x": box["width"] / 2, "y": (76 - 18) / 2})
        expect(page.locator("h1")).to_have_text("sub-01")


def test_overlay_flickers_by_button_and_key_and_by_itself(browser: Browser, origin: str) -> None:
    with visiting(browser, f"{origin}/sub-02.html") as visit:
        page = visit.page
        stage = page.locator("#flicker")
        page.get_by_role("combobox", name="Second", exact=True).select_option(label="FLAIR, synthetic")
        before = pixels(stage)
        page.get_by_role("button", name="Toggle").click()
        expect(page.locator("#flicker-shown")).to_have_text("shown: FLAIR, synthetic")
        assert np.abs(pixels(stage) - before).mean() > 1
        stage.focus()
        page.keyboard.press("f")
        expect(page.locator("#flicker-shown")).to_have_text("shown: T1post")
        page.get_by_label("automatically").check()
        expect(page.locator("#flicker-shown")).to_have_text("shown: FLAIR, synthetic")
        page.get_by_label("brain mask").uncheck()
        assert not page.locator("path.outline-brain").first.is_visible()


def test_viewer_draws_volumes_and_moves_through_slices(browser: Browser, origin: str) -> None:
    with visiting(browser, f"{origin}/sub-02.html") as visit:
        page = visit.page
        assert len(visit.requests) == 1, "volumes and viewer wait until they are asked for"
        page.get_by_role("button", name="Open the viewer").click()
        page.wait_for_selector("#viewer-canvas[data-ready=yes]", timeout=60000)
        canvas, place = page.locator("#viewer-frame"), page.locator("#viewer-place")
        page.get_by_role("combobox", name="Overlay", exact=True).select_option(label="nothing")
        expect(place).not_to_contain_text("lesion")
        drawn = pixels(canvas)
        assert (drawn > 40).mean() > 0.1, "three planes of a brain, not a black frame"
        where = place.inner_text()
        slider = page.get_by_label("Down–up")
        slider.focus()
        for _ in range(150):
            page.keyboard.press("ArrowRight")
        expect(place).not_to_have_text(where)
        assert np.abs(pixels(canvas) - drawn).mean() > 1
        page.get_by_role("combobox", name="Image", exact=True).select_option(label="FLAIR, synthetic")
        expect(place).to_contain_text("FLAIR, synthetic")
        page.get_by_role("combobox", name="Overlay", exact=True).select_option(
            label="uncertainty of the synthetic FLAIR"
        )
        expect(place).to_contain_text("uncertainty")
        assert {url.rsplit("/", 1)[1] for url in visit.requests} == {
            "sub-02.html",
            "niivue.umd.js",
            "sub-02_desc-viewer_volumes.js",
        }


def test_viewer_that_lacks_its_files_says_so(browser: Browser, tree: Tree, tmp_path: object) -> None:
    alone = tmp_path / "sub-02.html"  # type: ignore[operator]
    alone.write_bytes((tree.output / "sub-02.html").read_bytes())
    context = browser.new_context()
    page = context.new_page()
    page.goto(alone.as_uri())
    page.get_by_role("button", name="Open the viewer").click()
    expect(page.locator("#viewer-message")).to_contain_text("is missing beside this page")
    assert page.locator(".plane img").evaluate_all("images => images.every(i => i.complete && i.naturalWidth > 0)")
    context.close()


def test_hostile_text_is_shown_and_never_run(browser: Browser, tree: Tree) -> None:
    for name in ("index", "sub-02", "sub-03_ses-a"):
        with visiting(browser, (tree.output / f"{name}.html").as_uri()) as visit:
            expect(visit.page.locator("main")).to_contain_text(HOSTILE)


def test_policy_of_a_page_stops_what_the_escaping_might_miss(browser: Browser, tree: Tree) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((tree.output / "index.html").as_uri())
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        "document.body.append(s); return fetch('http://127.0.0.1:9/').catch(() => 0); }"
    )
    assert page.evaluate("window.hacked") is None
    context.close()


@pytest.mark.parametrize("name", ["index", "sub-02", "sub-04"])
def test_pages_fit_a_phone(browser: Browser, tree: Tree, name: str) -> None:
    with visiting(browser, (tree.output / f"{name}.html").as_uri(), width=390) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_print_shows_all_rows_and_opens_details(browser: Browser, tree: Tree) -> None:
    with visiting(browser, (tree.output / "sub-01.html").as_uri()) as visit:
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert visit.page.locator("details:not([open])").count() == 0
        visit.page.emulate_media(media="print")
        assert not visit.page.get_by_role("button", name="Open the viewer").is_visible()
    with visiting(browser, (tree.output / "index.html").as_uri()) as visit:
        assert len(page_data(visit.page)["sessions"]) == 5
