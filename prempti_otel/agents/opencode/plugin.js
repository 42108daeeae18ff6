// Asks prempti before each tool call. Written by `premptictl hook add opencode`, which replaces it as a whole.
import { spawn } from "node:child_process"

const COMMAND = "@COMMAND@"
const FAIL_OPEN = "@FAIL_OPEN@"
const MILLISECONDS = 15000

// What the hook said, or an Error. Only `{}` with exit status 0 lets a call run.
function answer(payload) {
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", COMMAND], { stdio: ["pipe", "pipe", "pipe"] })
    const out = { stdout: "", stderr: "" }
    const failed = (why) => resolve({ failure: `prempti hook failed: ${why}: call blocked` })
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      failed("no reply in time")
    }, MILLISECONDS)
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8")
      child[name].on("data", (text) => { out[name] += text })
    }
    child.stdin.on("error", () => {})
    child.on("error", (error) => { clearTimeout(timer); failed(error.message) })
    child.on("close", (code) => {
      clearTimeout(timer)
      if (code === 0 && out.stdout.trim() === "{}") return resolve({})
      try {
        const reply = JSON.parse(out.stdout)
        if (reply && typeof reply.reason === "string" && reply.reason) return resolve({ reason: reply.reason })
      } catch {
        // reported below: what is no JSON is no reply
      }
      failed(out.stderr.trim() || `exit status ${code} without a reply`)
    })
    child.stdin.end(payload)
  })
}

export const Prempti = async ({ directory }) => ({
  "tool.execute.before": async (input, output) => {
    const payload = JSON.stringify({
      event: "tool.execute.before",
      sessionID: input.sessionID,
      callID: input.callID,
      tool: input.tool,
      args: output.args ?? {},
      cwd: directory,
    })
    const { reason, failure } = await answer(payload)
    if (reason) throw new Error(reason)
    if (failure && FAIL_OPEN !== true) throw new Error(failure)
  },
})
