-- Stop: the services of all levels, consumers first. They stay down until somebody starts them.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Stops the services of an application, consumers first; a person has to agree to the outage",
  params  = {
    reason       = text "the application is to be stopped",
    expires      = duration "24h",
    max_failures = count(0),
  },
  run = function(ctx, params)
    local answer = ctx:outage(params.reason, { expires = params.expires })
    if not answer.approved then
      error("not approved: " .. answer.reason)
    end
    for index = #ctx.levels, 1, -1 do
      ctx:stop(ctx.levels[index], { max_unavailable = "100%", max_failures = params.max_failures })
    end
  end,
}
