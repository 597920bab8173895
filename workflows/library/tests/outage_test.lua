-- Outage: stop all, consumers first; install and migrate; start all, producers first; a person agrees.
local function declare(more)
  local run = { workflow = "outage", app = "app.lua", nodes = 30, person = "approve" }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("everything is stopped before the first install, and started after the last one", function()
  declare()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.order("stop", "apply", "start")
end)

test("consumers stop first and start last", function()
  declare()
  expect.order("stop shop/web", "stop shop/app", "stop shop/db", "apply shop/db", "apply shop/app", "apply shop/web",
               "start shop/db", "start shop/app", "start shop/web")
end)

test("the whole application is down at one time", function()
  declare()
  expect.never_below("shop/web", 0)
  expect.most_at_once("stop shop/web", 10)
  expect.most_at_once("apply shop/db", 10)
end)

test("the migration runs exactly once, between stop and start", function()
  declare()
  expect.times("command shop-migrate", 1)
  expect.order("stop", "command shop-migrate", "start")
end)

test("nothing is stopped unless a person agrees, and they are asked only when every node is ready", function()
  declare { person = "reject" }
  expect.reason("not approved")
  expect.only("prepare")
  declare { fail = { ["web-3"] = { prepare = 1 } } }
  expect.outcome("refused")
  expect.only("prepare")
end)

test("what fails brings everything back, and everything is started again", function()
  declare { fail = { ["shop/app"] = { command = 10 } } }
  expect.outcome("rolled_back")
  expect.laws()
  expect.state("shop/db", "rolled_back")
  expect.state("shop/web", "rolled_back")
end)
