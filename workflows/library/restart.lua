-- Restart: drained, restarted, probed and back in service, a few at a time, producers first.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Restarts the services of an application, a few targets at a time",
  params  = {
    max_unavailable = text "25%",
    max_failures    = count(0),
    spread          = text "rack",
  },
  run = function(ctx, params)
    for _, level in ipairs(ctx.levels) do
      ctx:restart(level, { max_unavailable = params.max_unavailable, max_failures = params.max_failures,
                           spread = params.spread })
    end
  end,
}
