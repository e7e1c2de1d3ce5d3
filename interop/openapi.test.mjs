// The OpenAPI document of package admin, checked by a published validator against the schema of OpenAPI 3.1.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";

const read = () => JSON.parse(readFileSync(new URL("../admin/openapi.json", import.meta.url), "utf8"));

test("the document of the API of operators is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(read());
  assert.equal(valid, true, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, "3.1");
});

test("the validator finds an error in a document", async () => {
  const broken = read();
  delete broken.paths["/leases"].get.responses["200"].description;
  assert.equal((await new Validator().validate(broken)).valid, false);
});
