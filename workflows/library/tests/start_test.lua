-- Start: services up, producers first, each level well before the next one.
test("producers start and are well before their consumers, and nothing else is done", function()
  simulate { workflow = "start", app = "app.lua", nodes = 30 }
  expect.outcome("succeeded")
  expect.laws()
  expect.only("start", "undrain")
  expect.times("start", 30)
  expect.order("shop/db", "shop/app", "shop/web")
  expect.order("probe shop/db", "start shop/app")
  expect.order("probe shop/app", "start shop/web")
  expect.most_at_once("start shop/db", 10)
end)

test("consumers do not start when a producer is not well", function()
  simulate { workflow = "start", app = "app.lua", nodes = 30, fail = { ["db-5"] = { probe = 1 } } }
  expect.outcome("stopped")
  expect.untouched("shop/app")
  expect.untouched("shop/web")
  simulate { workflow = "start", app = "app.lua", nodes = 30, fail = { ["db-5"] = { probe = 1 } },
             params = { max_failures = 1 } }
  expect.count("updated", 29)
end)
