-- All at once: every target of a level in one go.
test("every target of a level goes at once, and one level after the other", function()
  simulate { workflow = "all-at-once", app = "app.lua", nodes = 30 }
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.most_at_once("apply shop/db", 10)
  expect.most_at_once("apply shop/web", 10)
  expect.order("shop/db", "shop/app", "shop/web")
  expect.order("drain db-1", "apply db-1", "restart db-1", "probe db-1")
end)

test("the migration is over before the others of its component are touched", function()
  simulate { workflow = "all-at-once", app = "app.lua", nodes = 30 }
  expect.times("command shop-migrate", 1)
  expect.order("shop/db", "command shop-migrate", "apply app-2")
end)

test("one failure brings everything back, unless more may fail", function()
  simulate { workflow = "all-at-once", app = "app.lua", nodes = 30, fail = { ["db-4"] = { apply = 1 } } }
  expect.outcome("rolled_back")
  expect.untouched("shop/app")
  simulate { workflow = "all-at-once", app = "app.lua", nodes = 30, fail = { ["db-4"] = { apply = 1 } },
             params = { max_failures = 1 } }
  expect.outcome("succeeded_with_left_out")
  expect.count("updated", 29)
end)

test("it leaves what is done when it was told to stop on a failure", function()
  simulate { workflow = "all-at-once", app = "app.lua", nodes = 30, fail = { ["app-4"] = { apply = 1 } },
             params = { on_failure = "stop" } }
  expect.outcome("stopped")
  expect.times("undo", 0)
end)
