/** The scripts that make a shell complete the words of `duetkv`. Each calls `duetkv complete` for the candidates. */
export const completionScripts = {
  bash: `# Completion of duetkv for bash: source <(duetkv completion bash)
_duetkv() {
  local kind reply
  COMPREPLY=()
  {
    read -r kind
    while IFS= read -r reply; do COMPREPLY+=("$reply"); done
  } < <(duetkv complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2> /dev/null)
  if [[ $kind == files ]]; then compopt -o default -o filenames; fi
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
}
complete -F _duetkv duetkv
`,
  zsh: `#compdef duetkv
# Completion of duetkv for zsh: source <(duetkv completion zsh), or save it as _duetkv in a directory of $fpath.
_duetkv() {
  local line word
  local -a lines whole whole_texts open open_texts
  lines=("\${(@f)$(duetkv complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2> /dev/null)}")
  if [[ $lines[1] == files ]]; then
    _files
    return
  fi
  for line in "\${(@)lines[2,-1]}"; do
    word=\${line%%$'\\t'*}
    line=\${line/$'\\t'/  }
    if [[ $word == */ ]]; then
      open+=("$word") open_texts+=("$line")
    else
      whole+=("$word") whole_texts+=("$line")
    fi
  done
  compadd -l -d whole_texts -a whole
  compadd -l -S '' -d open_texts -a open
}
if [[ \${funcstack[1]} == _duetkv ]]; then _duetkv; else compdef _duetkv duetkv; fi
`,
  fish: `# Completion of duetkv for fish: duetkv completion fish | source
function __duetkv_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l plain (string unescape -- "$current"; or string replace -r '^["\\']' '' -- "$current")
  set -l lines (duetkv complete fish $words[2..] "$plain" 2> /dev/null)
  if test "$lines[1]" = files
    __fish_complete_path "$current"
  else
    printf '%s\\n' $lines[2..]
  end
end
complete -c duetkv -f -a '(__duetkv_complete)'
`,
} as const;
