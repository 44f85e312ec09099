package config
import ("testing";"fmt";"os";"strings";"errors";"strconv")
func TestScratch(t *testing.T){
 b,_:=os.ReadFile("/tmp/rows.txt")
 names:=map[Code]string{1:"CodeVersion",2:"CodeUnsupportedField",4:"CodeEnvironment",5:"CodeIO",6:"CodeDecoding",7:"CodeInvalidConfig"}
 bq:=func(s string)string{ if strings.Contains(s,"`"){return strconv.Quote(s)}; return "`"+s+"`"}
 out,_:=os.Create("/tmp/rows.go.txt")
 for _,l:=range strings.Split(string(b),"\n"){
  l=strings.TrimSpace(l)
  if l=="" {continue}
  if strings.HasPrefix(l,"# "){fmt.Fprintf(out,"\n// %s\n",l[2:]);continue}
  r,err:=Parse(input(l,""))
  var e *Error
  if errors.As(err,&e){fmt.Fprintf(out,"{%s, %s, %s},\n",bq(l),names[e.Code],bq(e.Error()))}else{fmt.Fprintf(out,"ACCEPTED %s %+v\n",l,r)}
 }
}
