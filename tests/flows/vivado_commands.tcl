# Vivado's commands as far as a block design uses them: each call is written down, words separated
# by a tab, and a plausible value comes back. Run as: tclsh vivado_commands.tcl SCRIPT CALLS
set script [lindex $argv 0]
set calls [open [lindex $argv 1] w]
proc recorded {command} {
    global calls
    puts $calls [join $command \t]
}
foreach name {
    create_project set_property update_ip_catalog create_bd_design create_bd_cell
    apply_bd_automation connect_bd_net connect_bd_intf_net assign_bd_address validate_bd_design
    save_bd_design make_wrapper add_files launch_runs wait_on_run
    read_verilog read_mem read_xdc synth_design report_utilization opt_design place_design
    phys_opt_design route_design report_timing_summary write_checkpoint
} {
    proc $name {args} "recorded \[linsert \$args 0 $name\]; return $name"
}
# Objects are told by their names.
foreach name {
    get_bd_pins get_bd_intf_pins get_bd_cells get_bd_addr_spaces get_bd_addr_segs get_board_parts
    current_project current_fileset get_runs get_files
} {
    proc $name {args} {
        set found {}
        foreach word $args { if {![string match -* $word]} { lappend found $word } }
        return [lindex $found 0]
    }
}
proc get_ipdefs {pattern} { return [list [string map {* 7.1} $pattern] [string map {* 10.0} $pattern]] }
proc get_property {name object} { return "$object.$name" }
rename file real_file
proc file {command args} {
    if {$command eq "copy"} { recorded [linsert $args 0 file copy]; return }
    return [uplevel 1 [linsert $args 0 real_file $command]]
}
source $script
close $calls
