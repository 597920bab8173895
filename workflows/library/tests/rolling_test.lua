-- Rolling: tier by tier, a canary, then shares; what fails brings everything back.
local function roll(more)
  local run = { workflow = "rolling", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("rolling goes one level after the other, producers first", function()
  roll()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.order("shop/db", "shop/app", "shop/web")
end)

test("rolling takes a canary, then a fifth, then the rest, and watches each of them for half a minute", function()
  roll()
  for _, tier in ipairs { "db", "app", "web" } do
    expect.order("undrain " .. tier .. "-1", "30s", "drain " .. tier .. "-2", "30s", "drain shop/" .. tier)
  end
end)

test("rolling keeps three quarters of each component in service, or what max_unavailable leaves", function()
  roll()
  for _, component in ipairs { "shop/db", "shop/app", "shop/web" } do
    expect.never_below(component, "75%")
    expect.most_at_once("apply " .. component, 2)
  end
  roll { params = { max_unavailable = "50%" } }
  expect.never_below("shop/web", "50%")
  expect.most_at_once("apply shop/web", 5)
end)

test("rolling stops at a canary that is not well, and everything comes back", function()
  roll { fail = { ["web-1"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.laws()
  expect.untouched("web-2")
  expect.times("apply shop/web", 1)
  expect.state("shop/app", "rolled_back")
  expect.order("undo shop/app", "undo shop/db")
end)

test("rolling touches nothing when one node is not ready", function()
  roll { fail = { ["db-7"] = { prepare = 1 } } }
  expect.outcome("refused")
  expect.untouched("shop/db")
  expect.untouched("shop/app")
  expect.untouched("shop/web")
end)

test("rolling lets as many fail as it was told, and then says who was left out", function()
  roll { params = { max_failures = 1 }, fail = { ["web-9"] = { apply = 1 } } }
  expect.outcome("succeeded_with_left_out")
  expect.count("updated", 29)
  expect.state("web-9", "failed")
end)

test("rolling leaves what is done when it was told to stop on a failure", function()
  roll { params = { on_failure = "stop" }, fail = { ["app-1"] = { apply = 1 } } }
  expect.outcome("stopped")
  expect.times("undo", 0)
  expect.state("shop/db", "updated")
  expect.untouched("shop/web")
end)
