-- Blue and green: one half of each component takes over as a whole when it is well; then the other half. Of ten nodes
-- five are of each color: the even ones are green.
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
  expect.order("shop/db color=green", "5m", "shop/db color=blue", "5m", "shop/app color=green", "5m",
               "shop/app color=blue", "5m", "shop/web color=green", "5m", "shop/web color=blue")
end)

test("a half is out of service as a whole until all of it have been well for a minute", function()
  go()
  for _, half in ipairs { "shop/web color=green", "shop/web color=blue" } do
    expect.most_at_once("apply " .. half, 5)
    expect.order("restart " .. half, "1m", "undrain " .. half)
  end
  expect.never_below("shop/web", "50%")
end)

test("nobody of the first half serves when one of it is not well, and the other half is not touched", function()
  go { fail = { ["db-8"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.untouched("color=blue")
  expect.times("undo", 5)
  expect.order("undo db-2", "undrain db-2")
  expect.order("undo db-4", "undrain db-4")
end)

test("the second half goes back, too, when one of it is not well", function()
  go { fail = { ["web-3"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.laws()
  expect.count("rolled_back", 30)
end)

test("a half that does not fit is refused before anybody is touched", function()
  go { params = { max_unavailable = "40%" } }
  expect.outcome("refused")
  expect.reason("5 targets of component 'shop/db' would be held out of service together, but max_unavailable allows only 4")
  expect.only("prepare")
end)

test("the second half waits for a person, when the workflow is told so", function()
  go { params = { approve = true }, person = "reject" }
  expect.reason("not approved")
  expect.only("shop/db color=green")
  go { person = "reject" }
  expect.outcome("succeeded")
end)

test("a half whose number is worse than the other's goes back", function()
  go { params = { measure = "measure" }, measured = { updated = 3, peers = 1 } }
  expect.outcome("rolled_back")
  expect.only("shop/db color=green")
  go { params = { measure = "measure" }, measured = { updated = 1.4, peers = 1 } }
  expect.outcome("succeeded")
end)

test("nodes of neither half follow, a few at a time", function()
  go { params = { first = "red" } }
  expect.outcome("succeeded")
  expect.count("updated", 30)
  expect.order("shop/web color=blue", "shop/web color=green")
end)
