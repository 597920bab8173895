-- Canary: one target of each component, watched for long and measured against its peers; then the rest.
local function watch(more)
  local run = { workflow = "canary", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("the canary of each component is watched for ten minutes before anybody else of it is touched", function()
  watch()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.order("undrain db-1", "10m", "shop/db", "undrain app-1", "10m", "shop/app", "undrain web-1", "10m", "shop/web")
end)

test("after the canary come half and the rest, watched for two minutes, a quarter at once", function()
  watch()
  expect.order("web-1", "undrain web-5", "2m", "drain web-6")
  expect.most_at_once("apply shop/web", 2)
  expect.never_below("shop/web", "75%")
end)

test("nobody but the canary is touched when it fails", function()
  watch { fail = { ["db-1"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.only("db-1")
  expect.state("db-1", "rolled_back")
end)

test("a canary serves again only after it has stayed well for a while", function()
  watch { params = { settle = "5m" } }
  expect.order("restart db-1", "5m", "undrain db-1")
end)

test("canaries whose number is worse than their peers' bring everything back", function()
  watch { params = { measure = "measure" }, measured = { updated = 3, peers = 1 } }
  expect.outcome("rolled_back")
  expect.reason("analysis: ")
  expect.only("db-1")
  watch { params = { measure = "measure" }, measured = { updated = 1.4, peers = 1 } }
  expect.outcome("succeeded")
  watch { params = { measure = "measure", pass = "<= 1.2" }, measured = { updated = 1.4, peers = 1 } }
  expect.outcome("rolled_back")
end)

test("a person agrees between the first canary and the rest, when the workflow is told so", function()
  watch { params = { approve = true }, person = "reject" }
  expect.reason("not approved")
  expect.only("db-1")
  watch { person = "reject" }
  expect.outcome("succeeded")
end)
