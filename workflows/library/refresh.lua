-- Refresh: a packaged command on the targets of a component, such as a run of a Puppet agent. What its exit codes mean
-- stands in its package: ok = [0, 2] and changed = [2] for Puppet's --detailed-exitcodes.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Runs a packaged command on the targets of a component, or of all that have it",
  params  = {
    command      = text "refresh",
    component    = text "",                        -- empty: every component whose packages bring the command
    max_parallel = text "10%",
    max_failures = text "5%",
  },
  run = function(ctx, params)
    local found = false
    for _, component in ipairs(ctx.components) do
      local has = false
      for _, name in ipairs(component.commands) do
        has = has or name == params.command
      end
      if has and (params.component == "" or params.component == component.name) then
        found = true
        ctx:command(params.command, component.name,
                    { max_parallel = params.max_parallel, max_failures = params.max_failures })
      end
    end
    if not found then
      error("no component has a packaged command '" .. params.command .. "'")
    end
  end,
}
