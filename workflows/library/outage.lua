-- Outage: everything stops, consumers first; everything is installed and migrated; everything starts, producers first.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "A declared outage: stop all, install, migrate, start all; a person has to agree",
  params  = {
    preflight_deadline = duration "2m",
    reason       = text "this release cannot run beside the one before it",
    expires      = duration "24h",                 -- until when somebody may agree
    max_failures = count(0),
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }   -- before anything stops
    local answer = ctx:outage(params.reason, { expires = params.expires })
    if not answer.approved then
      error("not approved: " .. answer.reason)
    end
    local all = { max_unavailable = "100%", max_failures = params.max_failures, on_failure = "rollback-all" }
    for index = #ctx.levels, 1, -1 do
      ctx:stop(ctx.levels[index], all)
    end
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, all)                       -- what is stopped stays so; migrations run here
    end
    for _, level in ipairs(ctx.levels) do
      ctx:start(level, all)
    end
  end,
}
