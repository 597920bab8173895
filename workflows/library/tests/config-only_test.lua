-- Config only: settings and templates with the caution of a release; refused when a package would change.
local function configure(more)
  local run = { workflow = "config-only", app = "app.lua", nodes = 30,
                finds = { ["shop/db"] = "nothing", ["shop/app"] = "config", ["shop/web"] = "config" } }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("config goes a canary, a fifth, then the rest; what has none to change is not touched", function()
  configure()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 20)
  expect.state("shop/db", "unchanged")
  expect.untouched("shop/db")
  expect.order("undrain app-1", "30s", "drain app-2", "30s", "drain shop/app", "shop/web")
  expect.never_below("shop/web", "75%")
end)

test("nothing is touched when a single package would change", function()
  configure { finds = { ["shop/web"] = "config", ["web-7"] = "packages" } }
  expect.reason("1 targets would get other packages; use another workflow for that")
  expect.only("prepare")
end)

test("a config that makes a node ill comes back everywhere", function()
  configure { fail = { ["web-1"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.state("shop/app", "rolled_back")
  expect.untouched("web-2")
end)
