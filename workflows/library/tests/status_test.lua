-- Status: the packaged checks of every target; nothing is changed.
test("every target is probed, and nothing is changed", function()
  simulate { workflow = "status", app = "app.lua", nodes = 30 }
  expect.outcome("succeeded")
  expect.laws()
  expect.times("probe", 30)
  expect.only("probe")
end)

test("every target is asked, however many are not healthy, and their number is the reason", function()
  simulate { workflow = "status", app = "app.lua", nodes = 30, fail = { ["shop/db"] = { probe = 2 }, ["web-4"] = { probe = 1 } } }
  expect.outcome("stopped")
  expect.reason("3 targets are not healthy")
  expect.times("probe", 30)
  expect.only("probe")
end)
