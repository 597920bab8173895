-- Repair: what has drifted is brought back to the release; what is as it should be is not touched.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Brings targets that have drifted back to what the environment runs",
  params  = {
    preflight_deadline = duration "2m",
    quorum          = text "1%",                   -- who is ill may be the one that does not answer
    max_failures    = text "10%",
    max_unavailable = text "25%",
    spread          = text "rack",
  },
  run = function(ctx, params)
    local found = ctx:preflight { quorum = params.quorum, deadline = params.preflight_deadline }
    ctx:log("drift", { targets = found.changed })
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, { window = "sliding", ramp = { 1, "10%" }, spread = params.spread,
                          max_failures = params.max_failures, max_unavailable = params.max_unavailable,
                          on_failure = "stop" })
    end
  end,
}
