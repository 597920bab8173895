-- Blue and green: one half of each component, and when it is well the other half. Of ten nodes five are of each color.
local function go(more)
  local run = { workflow = "blue-green", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("exactly one half goes first, and has served for five minutes before the other one is touched", function()
  go()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.times("apply shop/web color=green", 5)
  expect.order("shop/db color=green", "5m", "shop/db color=blue", "shop/app color=green", "5m", "shop/app color=blue",
               "shop/web color=green", "5m", "shop/web color=blue")
end)

test("the second half waits for a person, when the workflow is told so", function()
  go { params = { approve = true }, person = "reject" }
  expect.reason("not approved")
  expect.only("shop/db color=green")
end)
