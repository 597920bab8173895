-- Stop: services down, consumers first; a person agrees.
test("consumers stop before their producers, and nothing else is done", function()
  simulate { workflow = "stop", app = "app.lua", nodes = 30, person = "approve" }
  expect.outcome("succeeded")
  expect.laws()
  expect.only("drain", "stop")
  expect.times("stop", 30)
  expect.order("shop/web", "shop/app", "shop/db")
  expect.most_at_once("stop shop/web", 10)
end)

test("nothing stops unless a person agrees", function()
  simulate { workflow = "stop", app = "app.lua", nodes = 30, person = "reject" }
  expect.reason("not approved")
  expect.only("prepare")
end)

test("producers are not stopped under a consumer that would not stop", function()
  simulate { workflow = "stop", app = "app.lua", nodes = 30, person = "approve", fail = { ["app-2"] = { stop = 1 } } }
  expect.outcome("stopped")
  expect.untouched("shop/db")
  simulate { workflow = "stop", app = "app.lua", nodes = 30, person = "approve", fail = { ["app-2"] = { stop = 1 } },
             params = { max_failures = 1 } }
  expect.times("stop shop/db", 10)
end)
