-- Repair: what has drifted comes back to the release; what is as it should be is not touched.
local function repair(more)
  local run = { workflow = "repair", kind = "operation", app = "app.lua", nodes = 30,
                finds = { ["shop/db"] = "nothing", ["shop/app"] = "nothing", ["shop/web"] = "nothing",
                          ["db-4"] = "packages", ["web-2"] = "config", ["web-3"] = "config", ["web-8"] = "packages" } }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("only what has drifted is touched", function()
  repair()
  expect.outcome("succeeded")
  expect.laws()
  expect.only("db-4", "web-2", "web-3", "web-8")
  expect.count("updated", 4)
  expect.count("unchanged", 26)
  expect.order("shop/db", "shop/web")
end)

test("nodes that do not answer hold up nobody", function()
  repair { fail = { ["shop/app"] = { prepare = 10 } } }
  expect.outcome("succeeded_with_left_out")
  expect.count("updated", 4)
  expect.count("refused", 10)
end)

test("many that have drifted go through a sliding window: one alone, then a tenth at once", function()
  repair { finds = { ["shop/web"] = "nothing", ["shop/app"] = "nothing" }, nodes = 90, params = { max_unavailable = "50%" } }
  expect.order("db-1", "shop/db")
  expect.most_at_once("shop/db", "10%")
end)

test("more failures than a tenth end it; what was mended stays so", function()
  repair { finds = { ["shop/app"] = "nothing", ["shop/web"] = "nothing" }, params = { max_failures = "0" },
           fail = { ["db-3"] = { apply = 1 } } }
  expect.outcome("stopped")
  expect.times("undo", 0)
  expect.state("db-1", "updated")
end)

test("a failure within a tenth leaves one out, and the others are mended", function()
  repair { finds = { ["shop/app"] = "nothing", ["shop/web"] = "nothing" }, fail = { ["db-3"] = { apply = 1 } } }
  expect.outcome("succeeded_with_left_out")
  expect.count("updated", 9)
end)
