// The page of `socketio-jwt serve`, as a person uses it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, tab } from "./browser.mjs";
import { audience, issuer, mint, secret, startCommand } from "./harness.mjs";

const limit = { timeout: 60_000 };
const modes = { handshake: "in one round trip", event: "in two round trips" };

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

async function serve(t, flags, env) {
  const command = await startCommand(["--addr", "localhost:0", ...flags], env);
  t.after(() => command.stop());
  return command;
}

// open opens the page, on which nothing may go wrong.
async function open(t, url) {
  const page = await tab(t, browser, url);
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  return page;
}

const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
const texts = (page, selector) => page.$$eval(selector, (elements) => elements.map((element) => element.innerText));
const shows = (page, selector, wanted) =>
  page.waitForFunction((s, w) => document.querySelector(s)?.innerText.includes(w), {}, selector, wanted);

async function logIn(page, name) {
  await page.waitForSelector("#login:not([hidden])");
  await page.type("#username", name);
  await page.click("#login button");
  await shows(page, "#status", "with a token");
}

async function comeIn(page, mode, name) {
  await page.click(`input[value=${mode}]`);
  await page.click("#connect");
  await shows(page, "#status", `Inside as ${name}`);
}

describe("the page of the command", () => {
  for (const [mode, words] of Object.entries(modes)) {
    test(`two people log in and talk, ${mode} mode`, limit, async (t) => {
      const { url } = await serve(t, []);
      const [ada, bob] = [await open(t, url), await open(t, url)];
      await logIn(ada, "ada");
      await comeIn(ada, mode, "ada");
      await shows(ada, "#talk", `You came in as ada, ${words}.`);
      await logIn(bob, "bob");
      await comeIn(bob, mode, "bob");

      const claims = await texts(ada, "#claims > *");
      assert.equal(claims[claims.indexOf("sub") + 1], "ada");
      assert.match(await text(ada, "#left"), /^1[45]:\d\d$/);
      await shows(ada, "#confirmed", "The server has verified it");

      await ada.type("#text", "hello <b>bob</b>");
      await ada.keyboard.press("Enter");
      for (const page of [ada, bob]) {
        await page.waitForSelector("#talk .message");
        assert.deepEqual(await texts(page, "#talk .message .who, #talk .message .words"), ["ada", "hello <b>bob</b>"]);
      }
      await bob.click("#connect");
      await shows(bob, "#status", "Outside");
      assert.deepEqual([...ada.wrong, ...bob.wrong], []);
    });

    test(`bad tokens are refused, and the page says why, ${mode} mode`, limit, async (t) => {
      const { url } = await serve(t, []);
      const page = await open(t, url);
      await logIn(page, "ada");
      await page.click(`input[value=${mode}]`);
      const told = {
        "No token": "token_missing",
        "Not a token": "token_malformed",
        "Wrong signature": "token_signature",
        "Another name": "token_signature",
        Unsigned: "token_unsigned",
        Expired: "token_expired",
      };
      const buttons = await page.$$("#trials button");
      assert.deepEqual(await texts(page, "#trials button"), Object.keys(told));
      for (const [i, [name, reason]] of Object.entries(told).entries()) {
        await buttons[i].click();
        await shows(page, "#outcome", `“${name}” was refused`);
        assert.ok((await texts(page, "#outcome code")).includes(reason), `${name}: ${await text(page, "#outcome")}`);
        assert.match((await texts(page, "#outcome > p"))[1], /^The |^There |^What /, `${name} is not explained`);
      }
      assert.deepEqual(page.wrong, []);
    });

    test(`comes back with a fresh token when the first is over, ${mode} mode`, limit, async (t) => {
      const { url } = await serve(t, ["--token-life", "3s"]);
      const page = await open(t, url);
      await logIn(page, "ada");
      await comeIn(page, mode, "ada");
      await page.waitForFunction(() => document.querySelector("#talk").innerText.split("You came in as ada").length === 3);
      await shows(page, "#talk", "Your token's time was over");
      assert.deepEqual(page.wrong, []);
    });

    test(`comes back after a restart of the server, which has another secret then, ${mode} mode`, limit, async (t) => {
      const first = await startCommand(["--addr", "localhost:0"]);
      const page = await open(t, first.url);
      await logIn(page, "ada");
      await comeIn(page, mode, "ada");
      await first.kill();
      await shows(page, "#status", "Coming back");
      await serve(t, ["--addr", new URL(first.url).host]);
      await page.waitForFunction(() => document.querySelector("#talk").innerText.split("You came in as ada").length === 3);
      await shows(page, "#status", "Inside as ada");
    });
  }

  test("takes a token from elsewhere where there is no issuer", limit, async (t) => {
    const { url } = await serve(t, ["--issuer", issuer, "--audience", audience], { SOCKETIO_JWT_SECRET: secret });
    const page = await open(t, url);
    await page.waitForSelector("#paste:not([hidden])");
    await page.type("#pasted", mint({ sub: "zoe", aud: "somebody else" }));
    await page.click("#paste button");
    await page.click("#connect");
    await shows(page, "#refusal", "token_audience");
    await page.type("#pasted", mint({ sub: "zoe" }));
    await page.click("#paste button");
    await page.click("#connect");
    await shows(page, "#status", "Inside as zoe");
    assert.deepEqual(page.wrong, []);
  });
});
