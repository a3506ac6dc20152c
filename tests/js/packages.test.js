import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
/** @type {{packages: Record<string, {version: string, resolved?: string, integrity?: string}>}} */
const lock = JSON.parse(read("package-lock.json"));

test("package.json pins exact versions, and the lock has a hash for each and names no registry", () => {
  const { devDependencies } = JSON.parse(read("package.json"));
  for (const [name, version] of Object.entries(devDependencies)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
  const packages = Object.entries(lock.packages).filter(([path]) => path);
  assert.ok(packages.length >= 5);
  for (const [path, { resolved, integrity }] of packages) {
    assert.equal(resolved, undefined, path);
    assert.match(integrity ?? "", /^sha512-/, path);
  }
});

test("the vendored uPlot has its licence and the version that the lock pins", () => {
  const version = lock.packages["node_modules/uplot"]?.version;
  const folder = "plugins/meli_airflow/static/vendor/uplot";
  assert.ok(read(`${folder}/README.md`).startsWith(`uPlot ${version} `));
  assert.match(read(`${folder}/LICENSE`), /^The MIT License/);
  assert.ok(read(`${folder}/uPlot.iife.min.js`).includes(`(v${version})`));
});

test("the vendored iframe-worker of the documentation site has the version that the lock pins", () => {
  const version = lock.packages["node_modules/iframe-worker"]?.version;
  assert.ok(read("docs/vendor/iframe-worker/README.txt").startsWith(`iframe-worker ${version} (MIT)`));
  assert.match(read("docs/vendor/iframe-worker/LICENSE"), /Permission is hereby granted, free of charge/);
});

const installed = existsSync(new URL("node_modules/iframe-worker", ROOT));
test("the vendored files are those of the npm packages, byte for byte", {
  skip: installed ? false : "npm packages are not installed",
}, () => {
  for (const file of ["uPlot.iife.min.js", "uPlot.min.css"]) {
    assert.equal(
      read(`plugins/meli_airflow/static/vendor/uplot/${file}`),
      read(`node_modules/uplot/dist/${file}`),
      file,
    );
  }
  assert.equal(read("docs/vendor/iframe-worker/shim.js"), read("node_modules/iframe-worker/shim/index.js"));
});
