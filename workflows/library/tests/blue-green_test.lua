-- Blue and green: one half of each component takes over as a whole when it is well, and the other stands by; then it follows.
-- Of ten nodes five are of each color: the even ones are green.
local function go(more)
  local run = { workflow = "blue-green", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("exactly one half goes first, and has served alone for five minutes before the other one is updated", function()
  go()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  expect.times("apply shop/web color=green", 5)
  expect.order("undrain shop/web color=green", "drain shop/web color=blue", "5m", "apply shop/web color=blue")
  expect.order("apply shop/db color=green", "5m", "apply shop/db color=blue", "5m", "apply shop/app color=green", "5m",
               "apply shop/app color=blue", "5m", "apply shop/web color=green", "5m", "apply shop/web color=blue")
end)

test("the other half is drained once, waits, and is not drained again to be updated", function()
  go()
  expect.times("drain color=blue", 15)
  expect.times("undrain color=blue", 15)
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

test("the second half waits for a person, when the workflow is told so, and serves again when that one says no", function()
  go { params = { approve = true }, person = "reject" }
  expect.reason("not approved")
  expect.times("apply color=blue", 0)
  expect.times("undrain shop/db color=blue", 5)
  go { person = "reject" }
  expect.outcome("succeeded")
end)

test("when the first half does not bear all of the traffic, the other one serves again before anybody goes back", function()
  go { params = { measure = "measure", pass = "<= 2" }, measured = { updated = 3 } }
  expect.outcome("rolled_back")
  expect.laws()
  expect.times("undrain shop/db color=blue", 5)
  expect.times("apply color=blue", 0)
  expect.order("undrain shop/db color=blue", "undo shop/db color=green")
  expect.count("rolled_back", 5)
  expect.count("not_started", 25)
  expect.never_below("shop/db", "50%")
  go { params = { measure = "measure", pass = "<= 2" }, measured = { updated = 1.4 } }
  expect.outcome("succeeded")
end)

test("nodes of neither half follow, a few at a time", function()
  go { params = { first = "red" } }
  expect.outcome("succeeded")
  expect.count("updated", 30)
  expect.order("shop/web color=blue", "shop/web color=green")
end)
