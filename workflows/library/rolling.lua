-- Rolling update: tier by tier, a canary first, everything back when a gate fails.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Rolling update, one level after the other, a canary first",
  params  = {
    preflight_deadline = duration "2m",         -- how long nodes may take to say that they are ready
    ramp         = ramp { 1, "20%", "100%" },   -- cumulative shares of each component, rounded up
    soak         = duration "30s",              -- how long a batch must stay well before the next one starts
    max_failures = count(0),                    -- failed targets that a level may have
    max_unavailable = text "25%",               -- of each component, out of service at a time; at least 1
    on_failure   = text "rollback-all",         -- or "rollback-batch", or "stop"
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline } -- nothing is touched before everything is ready everywhere
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, { ramp = params.ramp, soak = params.soak, max_failures = params.max_failures,
                          max_unavailable = params.max_unavailable, on_failure = params.on_failure })
    end
  end,
}
