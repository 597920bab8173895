-- Config only: settings and templates go the way that code goes; packages must stay as they are.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Settings and templates with the caution of a release; refused when a package would change",
  params  = {
    preflight_deadline = duration "2m",
    ramp            = ramp { 1, "20%", "100%" },
    soak            = duration "30s",
    max_failures    = count(0),
    max_unavailable = text "25%",
    on_failure      = text "rollback-all",
  },
  run = function(ctx, params)
    local found = ctx:preflight { deadline = params.preflight_deadline }
    if found.package_changes > 0 then
      error(found.package_changes .. " targets would get other packages; use another workflow for that")
    end
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, { ramp = params.ramp, soak = params.soak, max_failures = params.max_failures,
                          max_unavailable = params.max_unavailable, on_failure = params.on_failure })
    end
  end,
}
