-- Rollback: the newest known-good release comes back, consumers first, without ramp or soak. It is no script.
local function back(more)
  local run = { workflow = "rollback", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("levels go back in the reverse order, consumers first", function()
  back()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("rolled_back", 30)
  expect.order("shop/web", "shop/app", "shop/db")
end)

test("there is no canary and no soak: as many at once as may be out of service", function()
  back()
  expect.never_below("shop/web", "75%")
  expect.most_at_once("apply shop/web", 2)
  expect.within("3m")
end)

test("the migration does not run on the way back", function()
  back()
  expect.times("command shop-migrate", 0)
end)

test("what is as it was then is not touched", function()
  back { finds = { ["shop/db"] = "nothing" } }
  expect.untouched("shop/db")
  expect.state("shop/db", "unchanged")
end)

test("a target that does not come back does not keep the others from it", function()
  back { fail = { ["web-1"] = { apply = 1 } } }
  expect.outcome("rollback_failed")
  expect.count("rolled_back", 29)
  expect.state("web-1", "rollback_failed")
end)

test("nobody is touched when one says that it cannot go back", function()
  back { fail = { ["db-2"] = { prepare = 1 } } }
  expect.outcome("refused")
  expect.only("prepare")
end)
