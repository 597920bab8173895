-- Refresh: a packaged command on the targets that have it, a few at a time.
local function refresh(more)
  local run = { workflow = "refresh", app = "app.lua", nodes = 60,
                commands = { ["shop/db"] = { "backup" }, ["shop/app"] = { "puppet-agent" },
                             ["shop/web"] = { "puppet-agent", "refresh" } },
                params = { command = "puppet-agent" } }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("every component whose packages bring the command runs it, a tenth of its targets at once", function()
  refresh()
  expect.outcome("succeeded")
  expect.laws()
  expect.times("command puppet-agent", 40)
  expect.only("command puppet-agent")
  expect.untouched("shop/db")
  expect.most_at_once("command puppet-agent shop/web", "10%")
  refresh { params = { command = "puppet-agent", max_parallel = "5" } }
  expect.most_at_once("command puppet-agent shop/web", 5)
end)

test("one component alone runs it when it is named", function()
  refresh { params = { command = "puppet-agent", component = "shop/web" } }
  expect.times("command puppet-agent shop/web", 20)
  expect.untouched("shop/app")
end)

test("the command is 'refresh' when none is named", function()
  refresh { params = {} }
  expect.only("command refresh shop/web")
  expect.times("command refresh", 20)
end)

test("one of twenty may exit otherwise than its package calls well; two end it", function()
  refresh { fail = { ["app-3"] = { command = 1 } } }
  expect.outcome("succeeded_with_left_out")
  expect.count("failed", 1)
  expect.times("command puppet-agent", 40)
  refresh { fail = { ["shop/app"] = { command = 2 } } }
  expect.outcome("stopped")
  expect.untouched("shop/web")
end)

test("a command that nobody has is an error, not a success", function()
  refresh { params = { command = "puppet" } }
  expect.outcome("stopped")
  expect.reason("no component has a packaged command 'puppet'")
end)
