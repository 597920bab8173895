-- Rolling update: tier by tier, a canary first, everything back when a gate fails.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Rolling update, one level after the other, a canary first",
  params  = {
    ramp         = ramp { 1, "20%", "100%" },   -- cumulative shares of each component, rounded up
    soak         = duration "30s",              -- how long a batch must stay well before the next one starts
    max_failures = count(0),                    -- failed targets that a level may have
    max_unavailable = text "25%",               -- of each component, out of service at a time; at least 1
    on_failure   = text "rollback-all",         -- or "rollback-batch", or "stop"
  },
  run = function(ctx, params)
    ctx:preflight()                             -- nothing is touched before everything is ready everywhere
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, params)
    end
  end,
}
