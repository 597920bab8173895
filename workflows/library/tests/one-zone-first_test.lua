-- One zone first: a zone is through and has been watched before the next one is touched. Of ten nodes three are in zone
-- b, three in c, four in a.
local function go(more)
  local run = { workflow = "one-zone-first", app = "app.lua", nodes = 30 }
  for key, value in pairs(more or {}) do run[key] = value end
  return simulate(run)
end

test("zones go one after the other, the smallest first, and each is watched for ten minutes", function()
  go()
  expect.outcome("succeeded")
  expect.laws()
  expect.count("updated", 30)
  for _, component in ipairs { "shop/db", "shop/app", "shop/web" } do
    expect.order(component .. " zone=b", "10m", component .. " zone=c", "10m", component .. " zone=a")
  end
  expect.order("shop/db", "shop/app", "shop/web")
end)

test("each zone has a canary of its own", function()
  go()
  expect.order("undrain db-2", "30s", "drain shop/db zone=b", "undrain db-3", "30s", "drain shop/db zone=c",
               "undrain db-1", "30s", "drain shop/db zone=a")
end)

test("what fails in the first zone is not tried in another one", function()
  go { fail = { ["shop/db zone=b"] = { probe = 1 } } }
  expect.outcome("rolled_back")
  expect.only("db-2")
  expect.untouched("zone=a")
  expect.untouched("zone=c")
end)

test("the label may be another one", function()
  go { params = { zone = "rack", zone_soak = "1h" } }
  expect.order("shop/web rack=b-1", "1h", "shop/web rack=c-1", "1h", "shop/web rack=a-1")
end)
