-- Restart: drained, restarted, probed and back in service, a few at a time, producers first.
test("services restart level by level, a quarter of a component at once, and nothing else is done", function()
  simulate { workflow = "restart", app = "app.lua", nodes = 36 }
  expect.outcome("succeeded")
  expect.laws()
  expect.only("drain", "restart", "undrain")
  expect.times("restart", 36)
  expect.order("shop/db", "shop/app", "shop/web")
  expect.never_below("shop/web", "75%")
  expect.most_at_once("restart shop/web", "25%")
  simulate { workflow = "restart", app = "app.lua", nodes = 36, params = { max_unavailable = "1" } }
  expect.most_at_once("restart shop/web", 1)
end)

test("racks take turns, so that those that restart at once are of different ones", function()
  -- Nodes 1 to 60 are in the racks a-1, b-1 and c-1, the others in a-2, b-2 and c-2.
  simulate { workflow = "restart", levels = 1, nodes = 90, params = { max_unavailable = "6" } }
  expect.order("drain level-0-61", "drain level-0-4")
  expect.most_at_once("restart rack=a-2", 1)
  simulate { workflow = "restart", levels = 1, nodes = 90, params = { max_unavailable = "6", spread = "color" } }
  expect.most_at_once("restart color=blue", 3)
end)

test("one that is not well afterwards ends it", function()
  simulate { workflow = "restart", app = "app.lua", nodes = 36, fail = { ["db-1"] = { probe = 1 } } }
  expect.outcome("stopped")
  expect.times("restart", 3)
  expect.untouched("shop/app")
  simulate { workflow = "restart", app = "app.lua", nodes = 36, fail = { ["db-1"] = { probe = 1 } },
             params = { max_failures = 1 } }
  expect.outcome("succeeded_with_left_out")
  expect.times("restart", 36)
end)
