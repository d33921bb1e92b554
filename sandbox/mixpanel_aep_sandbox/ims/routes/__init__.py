"""HTTP routes of Adobe IMS, of the Adobe Developer Console, and of the control plane for IMS."""
