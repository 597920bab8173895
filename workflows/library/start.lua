-- Start: the services of all levels, producers first; each level is healthy before the next one starts.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Starts the services of an application, producers first",
  params  = { max_failures = count(0) },
  run = function(ctx, params)
    for _, level in ipairs(ctx.levels) do
      ctx:start(level, { max_unavailable = "100%", max_failures = params.max_failures })
    end
  end,
}
