-- One zone first: a zone is through and has been watched before the next one is touched.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "One zone after the other, the smallest first, a canary in each",
  params  = {
    preflight_deadline = duration "2m",
    zone            = text "zone",                 -- the label that says in which zone a node is
    ramp            = ramp { 1, "100%" },          -- in each zone
    soak            = duration "30s",
    zone_soak       = duration "10m",              -- after a zone, before the next one
    spread          = text "rack",                 -- within a zone, from racks by turns
    max_failures    = count(0),
    max_unavailable = text "25%",
    on_failure      = text "rollback-all",
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, { zone = params.zone, zone_soak = params.zone_soak, ramp = params.ramp, soak = params.soak,
                          spread = params.spread, max_failures = params.max_failures,
                          max_unavailable = params.max_unavailable, on_failure = params.on_failure })
    end
  end,
}
